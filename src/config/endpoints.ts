export const ENDPOINTS_PREFIX = 'KILN_ENDPOINTS_';
export const ENDPOINTS_ALLOWED = 'http(s) base URLs, comma separated, without user name, query or fragment';

const NAME = /^[A-Z][A-Z0-9_]*$/;

function baseUrl(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { protocol, username, password, search, hash } = new URL(text);
  const plain = (protocol === 'http:' || protocol === 'https:') && !username && !password && !search && !hash;
  return plain ? text.replace(/\/+$/, '') : null;
}

/**
 * `KILN_ENDPOINTS_COMFYUI=http://gpu-0:8188,http://gpu-1:8188` gives the routes of the catalog with `endpoints_from: COMFYUI`
 * their base URLs. Values may hold private names, so no error says them.
 */
export function parseEndpoints(env: Readonly<Record<string, string | undefined>>): {
  endpoints: Record<string, string[]>;
  problems: string[];
} {
  const endpoints: Record<string, string[]> = {};
  const problems: string[] = [];
  for (const [variable, raw] of Object.entries(env)) {
    if (!variable.startsWith(ENDPOINTS_PREFIX) || !raw?.trim()) continue;
    const name = variable.slice(ENDPOINTS_PREFIX.length);
    const urls = raw.split(',').map((text) => baseUrl(text.trim()));
    const good = urls.filter((url) => url !== null);
    if (!NAME.test(name))
      problems.push(`${variable} has a name that is not of the form ${ENDPOINTS_PREFIX}<NAME> in capitals`);
    else if (good.length < urls.length)
      problems.push(`${variable} holds something else; allowed is ${ENDPOINTS_ALLOWED}`);
    else endpoints[name] = [...new Set(good)];
  }
  return { endpoints, problems };
}
