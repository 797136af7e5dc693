import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The model behind every contender, in a process of its own: one chat completion, whole, or as 200 chunks at once, each in a
 * write of its own. Chunks have the fields of OpenAI's; usage stands in them where it was asked for, as there.
 */
const CHUNKS = 200;
const WORD = ' paper';
const HEAD = { id: 'chatcmpl-bench', created: 1_764_115_200, model: 'up-model', service_tier: 'default' };
const USAGE = {
  prompt_tokens: 210,
  completion_tokens: CHUNKS,
  total_tokens: 210 + CHUNKS,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
};

const WHOLE = JSON.stringify({
  ...HEAD,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: WORD.repeat(CHUNKS), refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
});

function chunksOf(withUsage: boolean): string[] {
  const chunk = (choices: object[], usage: object | null = null): string =>
    `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices, ...(withUsage && { usage }) })}\n\n`;
  const choice = (delta: object, finish: string | null = null): object[] => [
    { index: 0, delta, logprobs: null, finish_reason: finish },
  ];
  return [
    chunk(choice({ role: 'assistant', content: '', refusal: null })),
    ...Array.from({ length: CHUNKS - 2 }, () => chunk(choice({ content: WORD }))),
    chunk(choice({}, 'stop')),
    ...(withUsage ? [chunk([], USAGE)] : []),
    'data: [DONE]\n\n',
  ];
}
const [BARE, WITH_USAGE] = [chunksOf(false), chunksOf(true)];

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as {
      stream?: boolean;
      stream_options?: { include_usage?: boolean };
    };
    if (body.stream !== true) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(WHOLE) });
      response.end(WHOLE);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    for (const chunk of body.stream_options?.include_usage === true ? WITH_USAGE : BARE) response.write(chunk);
    response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.stdout.write(`${JSON.stringify({ url })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
