/** Ids are 64-bit and stay text: a number of JavaScript would round them. */
const ID = /^\d{1,19}$/;

export function isId(text: string): boolean {
  return ID.test(text);
}

/** Newer first: longer is larger, then by digits. */
export function compareIds(left: string, right: string): number {
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}
