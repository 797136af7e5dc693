import type { ProviderContext } from '../contract.js';
import { exchange, parseBody, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import { readReference } from '../task-input.js';
import { toError } from './error.js';
import type { Carry } from './request.js';
import { uploaded } from './wire.js';

/** Up to here Replicate's documentation advises a data URI, above it a link. */
const DATA_URI_MAX_BYTES = 256 * 1024;

/**
 * Small pictures stand in the input itself; others are uploaded to Replicate's own files, which live about a day, so that no
 * link back to Kiln is needed. An upload buys nothing.
 */
export const carrier =
  (ctx: ProviderContext, auth: Record<string, string>): Carry =>
  async (reference, maxBytes) => {
    const bytes = await readReference(reference, maxBytes);
    if (bytes.length <= DATA_URI_MAX_BYTES) return `data:${reference.contentType};base64,${bytes.toString('base64')}`;
    const body = new FormData();
    body.append('content', new Blob([new Uint8Array(bytes)], { type: reference.contentType }), reference.filename);
    body.append('metadata', new Blob(['{}'], { type: 'application/json' }));
    const call = { method: 'POST' as const, headers: auth, body, timeoutMs: SUBMIT_TIMEOUT_MS };
    const answer = await exchange(ctx, `${ctx.endpoint}/files`, call, 'prepares');
    if (answer.status < 200 || answer.status > 299) throw toError(answer, 'prepares', ctx.now());
    return parseBody(uploaded, answer.text, 'prepares', answer.status).urls.get;
  };
