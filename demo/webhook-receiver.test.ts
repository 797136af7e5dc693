import { Webhook } from 'standardwebhooks';
import { WebhookReceiver } from './webhook-receiver.js';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const FORGED = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const body = JSON.stringify({ type: 'job.succeeded', timestamp: '2026-01-01T00:00:00Z', data: { id: 'job_1' } });

const send = async (url: string, secret: string, text = body): Promise<number> => {
  const now = new Date();
  const response = await fetch(url, {
    method: 'POST',
    body: text,
    headers: {
      'webhook-id': 'whd_1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign('whd_1', now, body),
    },
  });
  return response.status;
};

test('only messages that the key signed count', async () => {
  const receiver = new WebhookReceiver();
  const { url } = await receiver.listen();
  try {
    receiver.trust(SECRET);
    expect(await send(url, FORGED)).toBe(401);
    expect(await send(url, SECRET, body.replace('job_1', 'job_2'))).toBe(401);
    await expect(receiver.about('job_1', AbortSignal.abort())).rejects.toThrow(/No signed webhook for job_1: refused/);
    expect(await send(url, SECRET)).toBe(204);
    await expect(receiver.about('job_1', AbortSignal.timeout(1000))).resolves.toEqual({
      id: 'whd_1',
      event: 'job.succeeded',
      jobId: 'job_1',
    });
  } finally {
    receiver.close();
  }
});
