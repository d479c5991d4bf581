/** The part of jstat that is used here; the package ships no types. */
declare module 'jstat' {
  const library: {
    readonly jStat: {
      /** Regularised incomplete beta function I_x(a, b). */
      ibeta(x: number, a: number, b: number): number;
      readonly normal: {
        cdf(value: number, mean: number, standardDeviation: number): number;
        /** Quantile of the normal distribution. */
        inv(probability: number, mean: number, standardDeviation: number): number;
      };
    };
  };
  export default library;
}
