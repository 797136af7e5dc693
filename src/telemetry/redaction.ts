/** Keys whose values never reach a log, at any depth: what users wrote, and what authenticates. */
const HIDDEN_KEYS =
  /^(prompt|negative_prompt|lyrics|input|body|content|messages|metadata|headers|query|cookie|set-cookie|authorization|x-api-key|password|secret|secrets|token|key|api_key|credential_value|callback_url)$/i;
const HIDDEN = '[hidden]';
const MAX_TEXT = 2000;
const MAX_DEPTH = 4;
const MAX_ITEMS = 50;

/** Text that may come from elsewhere (a provider, an error), without what must not be logged; at most 2,000 characters. */
export function scrubText(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replace(/\b(sk|whsec|rk|pk)[-_][A-Za-z0-9+/=_-]{8,}/g, HIDDEN)
    .replace(/\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}/gi, `$1 ${HIDDEN}`)
    .replace(/\bdata:[\w.+-]+\/[\w.+-]+[;,][^\s"']*/g, `data:${HIDDEN}`)
    .replace(/(:\/\/)[^/\s:@]*:[^/\s@]+@/g, `$1${HIDDEN}@`)
    .replace(/\/callbacks\/([\w-]+)\/[\w.~-]+/g, `/callbacks/$1/${HIDDEN}`)
    .replace(/(\bhttps?:\/\/[^\s?#"']+|(?<![\w])\/[\w./~%-]+)\?[^\s"']*/g, `$1?${HIDDEN}`);
}

/** A copy that may be logged. Errors become `{type, message, code, stack, cause}`. */
export function scrub(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return scrubError(value, depth);
  if (depth >= MAX_DEPTH || ArrayBuffer.isView(value)) return HIDDEN;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => scrub(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, HIDDEN_KEYS.test(name) ? HIDDEN : scrub(inner, depth + 1)]),
  );
}

function scrubError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  return {
    type: error.name,
    message: scrubText(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    stack: frames.slice(0, 12).join('\n'),
    ...(error.cause !== undefined && depth < MAX_DEPTH ? { cause: scrub(error.cause, depth + 1) } : {}),
  };
}
