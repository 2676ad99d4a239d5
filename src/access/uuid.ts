const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text can be an id of this service: lower case, as PostgreSQL writes it. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
