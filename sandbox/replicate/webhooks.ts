import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { describePrediction, endsAtMs, statusOf, type Prediction, type Predictions } from './predictions.js';

/** The account's signing secret: one for each key, always the same. */
export const signingSecret = (key: string): string =>
  `whsec_${createHash('sha256').update(`webhooks of ${key}`).digest('base64')}`;

/** Standard Webhooks: the id stays the same over tries and repetitions, the time is that of the try. */
function signer(context: SandboxContext): (body: Buffer) => Record<string, string> {
  const id = `msg_${randomUUID().replaceAll('-', '')}`;
  const key = Buffer.from(signingSecret(context.key).slice('whsec_'.length), 'base64');
  return (body) => {
    const timestamp = String(Math.floor(context.clock.now() / 1000));
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  };
}

/** Rings once when the prediction is over. Events while it runs are not sent. */
export function ringWhenOver(
  context: SandboxContext,
  store: Predictions,
  callbacks: Callbacks,
  prediction: Prediction,
  origin: string,
): void {
  const { webhook, events } = prediction.request;
  if (webhook === null || (events !== null && !events.includes('completed'))) return;
  callbacks.whenDone(
    { ...prediction, readyAtMs: endsAtMs(prediction) },
    webhook,
    () => describePrediction(context, store, prediction, statusOf(context, store, prediction) ?? 'failed', origin),
    signer(context),
  );
}
