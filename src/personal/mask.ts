const SHOWN_AT_START = 6;
const SHOWN_AT_END = 3;
const FEWEST_TO_SHOW_ANY = 16;

/** Always four, whatever is behind them: the number of bullets must not tell the length. */
const BULLETS = '\u2022'.repeat(4);

/**
 * A value as it may be shown to its owner: `sk-pro••••789`. Characters are code points. A short value shows nothing, since what is left
 * would be too little to stay a secret. Still as sensitive as part of the value, so it is sealed like one.
 */
export function maskOf(value: string): string {
  const characters = [...value];
  if (characters.length < FEWEST_TO_SHOW_ANY) return BULLETS;
  return characters.slice(0, SHOWN_AT_START).join('') + BULLETS + characters.slice(-SHOWN_AT_END).join('');
}
