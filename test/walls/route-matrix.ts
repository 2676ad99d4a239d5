export const MATRIX: Readonly<Record<string, string>> = {};
