/** Whether a text of any length is base64, of either alphabet. No pattern with a repetition: those can exhaust the stack on megabytes. */
export function isBase64(text: string): boolean {
  const end = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  return end > 0 && !/[^A-Za-z0-9+/_-]/.test(text.slice(0, end));
}
