/** The options that a command was given, by their names in camel case, as commander keeps them. */
export class Flags {
  constructor(private readonly values: Readonly<Record<string, unknown>>) {}

  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** An option that the parser has insisted on. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new Error(`the option ${name} is not declared as required`);
    return value;
  }

  isSet(name: string): boolean {
    return this.values[name] === true;
  }

  /** What a repeatable option was given, in order. */
  list(name: string): readonly string[] {
    const value = this.values[name];
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
  }
}
