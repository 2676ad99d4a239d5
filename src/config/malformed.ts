/** What is wrong with the text of a setting. The message explains the rule and never repeats the text. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}
