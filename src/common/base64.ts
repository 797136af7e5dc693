/** Whether a text of any length is base64. No pattern with a repetition: those can exhaust the stack on megabytes. */
export function isBase64(text: string): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const end = text.length - padding;
  return end > 0 && end % 4 !== 1 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}
