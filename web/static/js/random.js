/** Random numbers that follow from a seed. */

/** A generator of numbers in [0, 1): mulberry32. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Latents of a seed for a declared input: uniform within its bounds, or normal if these are wider than one. */
export function latentsOf(seed, declared) {
  const draw = generator(seed);
  const length = declared.shape.at(-1);
  const normal = declared.high > 1;
  const one = () => {
    if (!normal) return declared.low + (declared.high - declared.low) * draw();
    return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  };
  return Float32Array.from({ length }, one);
}

/**
 * Latents between two others, at `share` of the way.
 * Normal latents keep their length on the way (spherical interpolation), uniform ones go straight.
 */
export function between(a, b, share, normal) {
  let [of_a, of_b] = [1 - share, share];
  if (normal) {
    const length = (each) => Math.sqrt(each.reduce((sum, value) => sum + value * value, 0));
    const cosine = a.reduce((sum, value, i) => sum + value * b[i], 0) / (length(a) * length(b));
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    if (angle > 1e-4)
      [of_a, of_b] = [Math.sin((1 - share) * angle), Math.sin(share * angle)].map((x) => x / Math.sin(angle));
  }
  return a.map((value, i) => of_a * value + of_b * b[i]);
}
