import type { CallbackRequest, ProviderContext } from '../contract.js';
import { signatureProblem } from '../standard-webhook.js';

/**
 * Kling signs by Standard Webhooks where its console holds a webhook secret. Without one there is nothing to check: it then
 * sends no signature, and the token in the address is all there is.
 */
export const verifyCallback = (request: CallbackRequest, ctx: ProviderContext): string | null =>
  ctx.callbackSecret === undefined ? null : signatureProblem(request, ctx.callbackSecret, ctx.now());
