/** A small drawn picture that stands for an image of a sample report: an SVG file as a data URL. */
export function flower(look: {
  readonly petals: number;
  /** Angles on the colour wheel, in degrees. */
  readonly hue: number;
  readonly background: number;
}): string {
  const { petals, hue, background } = look;
  const shapes = Array.from(
    { length: petals },
    (_, i) =>
      `<ellipse cx="48" cy="26" rx="9" ry="20" fill="hsl(${hue} 60% 60%)" transform="rotate(${(360 / petals) * i} 48 48)"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><rect width="96" height="96" fill="hsl(${background} 25% 35%)"/>${shapes.join('')}<circle cx="48" cy="48" r="9" fill="hsl(45 80% 55%)"/></svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
}
