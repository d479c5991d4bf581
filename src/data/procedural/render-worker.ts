/** The thread that renders scenes for `render-pool.ts`. */
import { serveTasks } from '../../util/worker-tasks.ts';
import { renderRecipe } from './recipe.ts';

serveTasks(renderRecipe, ({ buffer }) => buffer);
