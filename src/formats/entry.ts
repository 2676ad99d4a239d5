// The words that the writers and readers in this folder share.

/** A secret's name as it was declared, and its value. */
export interface Entry {
  readonly name: string;
  readonly value: string;
}

/** A secret that a format cannot carry without changing it. The reason never shows the value. */
export interface Unrepresentable {
  readonly name: string;
  readonly reason: string;
}

/** A whole file, or every secret that stands in its way: a file is never written without them. */
export type Written = { readonly text: string } | { readonly unrepresentable: readonly Unrepresentable[] };

/** One variable in one format: its complete lines with the last line's end, or why there are none. */
export type Lines = { readonly text: string } | { readonly reason: string };

/** So many random bytes; `randomBytes` of node:crypto outside of tests. */
export type RandomBytes = (count: number) => Uint8Array;
