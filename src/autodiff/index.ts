/** Differentiation of graphs. */
export { gradient } from './gradient.ts';
