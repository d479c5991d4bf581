/** Layers, losses, initial values, optimizers and schedules. */
export * from './adaptive-mean.ts';
export * from './init.ts';
export * from './layers.ts';
export * from './losses.ts';
export * from './network.ts';
export * from './optimizers.ts';
export * from './schedules.ts';
