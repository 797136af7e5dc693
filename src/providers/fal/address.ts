import type { z } from 'zod';
import { encodePath } from '../exchange.js';
import type { submitted, TaskId } from './wire.js';

/** Ids below these keep their first segment in front of owner and app (client 1.10.1, utils: ENDPOINT_NAMESPACES). */
const NAMESPACES: readonly string[] = ['workflows', 'comfy'];

/** `fal-ai/veo3.1/fast/image-to-video` → `fal-ai/veo3.1`: all that status, result and cancel know of a model id. */
export function appOf(model: string): string {
  const parts = model.split('/');
  return parts.slice(0, NAMESPACES.includes(parts[0] ?? '') ? 3 : 2).join('/');
}

/** Whether a URL that the provider answered lies below the endpoint, so that the key may go there. */
function isBelow(url: string, endpoint: string): boolean {
  if (!URL.canParse(url)) return false;
  const base = new URL(`${endpoint}/`);
  const target = new URL(url);
  return target.origin === base.origin && target.pathname.startsWith(base.pathname);
}

/** The task as it is saved: the answer's own addresses, or built ones where those lead away from the endpoint. */
export function taskOf(answer: z.output<typeof submitted>, model: string, endpoint: string): TaskId {
  const built = `${endpoint}/${encodePath(appOf(model))}/requests/${encodeURIComponent(answer.request_id)}`;
  const own = (url: string | null | undefined, fallback: string): string =>
    url && isBelow(url, endpoint) ? url : fallback;
  return {
    model,
    request_id: answer.request_id,
    status_url: own(answer.status_url, `${built}/status`),
    response_url: own(answer.response_url, built),
    cancel_url: own(answer.cancel_url, `${built}/cancel`),
  };
}

const PUBLIC_ENDPOINT = 'https://queue.fal.run';
const PUBLIC_JWKS = 'https://rest.fal.ai/.well-known/jwks.json';

/** Where the keys of webhooks are; `foreign`: on another host than the queue. */
export function jwksAddress(endpoint: string): { url: string; trust: 'endpoint' | 'foreign' } {
  return endpoint === PUBLIC_ENDPOINT
    ? { url: PUBLIC_JWKS, trust: 'foreign' }
    : { url: `${endpoint}/.well-known/jwks.json`, trust: 'endpoint' };
}
