/** Seconds of the same small matrix product as three loops. */
import { serve, timed } from '../child.ts';

await serve(async ({ size }) => {
  const [a, b] = [0, 1].map(() => new Float32Array(size * size).fill(1));
  const product = new Float32Array(size * size);
  return {
    async measure() {
      const value = await timed(() => {
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) {
            let sum = 0;
            for (let k = 0; k < size; k++) sum += a[i * size + k] * b[k * size + j];
            product[i * size + j] = sum;
          }
        }
      });
      return { value, sample: product[0] };
    },
  };
});
