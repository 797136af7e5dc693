import { Webhook } from 'standardwebhooks';
import { signMessage } from './signature.js';

const older = Buffer.alloc(32, 1);
const newer = Buffer.alloc(32, 2);
const message = { id: 'whd_1', sentAt: new Date(), body: '{"type":"job.succeeded","data":{"prompt":"žluťoučký"}}' };
const verifier = (secret: Buffer) => new Webhook(`whsec_${secret.toString('base64')}`);

it('has the signature of the specification', () => {
  // Example of the specification's libraries.
  const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  const headers = signMessage(
    { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', sentAt: new Date(1614265330_000), body: '{"test": 2432232314}' },
    [secret],
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('is verified with each of the live secrets, and with no other', () => {
  const headers = { ...signMessage(message, [newer, older]) };
  expect(headers['webhook-signature'].split(' ')).toHaveLength(2);
  expect(verifier(newer).verify(message.body, headers)).toEqual(JSON.parse(message.body));
  expect(verifier(older).verify(message.body, headers)).toEqual(JSON.parse(message.body));
  expect(() => verifier(Buffer.alloc(32, 3)).verify(message.body, headers)).toThrow('No matching signature');
  expect(() => verifier(newer).verify(`${message.body} `, headers)).toThrow('No matching signature');
});
