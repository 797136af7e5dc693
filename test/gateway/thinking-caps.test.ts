import { type GatewayKiln, routeOn, startGateway, textModel } from './gateway.js';
import { json } from './upstream.js';

let kiln: GatewayKiln;

beforeAll(async () => {
  const large = { context_tokens: 200_000, max_output_tokens: 100_000 };
  kiln = await startGateway((upstream) => ({
    plain: textModel({ only: routeOn(upstream, 'plain') }, large),
    claude: textModel(
      { only: routeOn(upstream, 'claude', { provider: 'anthropic', endpoints: [`${upstream.url}/claude`] }) },
      { ...large, traits: { features: ['tools'], thinking: 'budget' } },
    ),
  }));
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

type Json = Record<string, unknown>;

const MESSAGES = [{ role: 'user', content: 'hi' }];
const chat = async (usd: number | null, body: Json) => {
  const key = await kiln.newKey({ daily_budget_micro_usd: usd === null ? null : Math.round(usd * 1e6) });
  const answer = await kiln.call(
    'POST',
    '/v1/chat/completions',
    { messages: MESSAGES, ...body },
    { authorization: `Bearer ${key.secret}` },
  );
  return { key, answer };
};
const sent = (): Json => kiln.upstream.seen.at(-1)?.body ?? {};

const CLAUDE_ANSWER = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'up-model',
  content: [{ type: 'text', text: 'seen' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 5 },
};

test.each<[what: string, usd: number, more: Json, thinking: (cap: number) => unknown]>([
  [
    'an effort thinks within the cap',
    0.1,
    { reasoning_effort: 'high' },
    (cap) => ({ type: 'enabled', budget_tokens: Math.floor(cap * 0.8) }),
  ],
  [
    'a budget above the cap is lowered',
    0.1,
    { thinking: { type: 'enabled', budget_tokens: 60_000 } },
    (cap) => ({ type: 'enabled', budget_tokens: cap - 1 }),
  ],
  [
    'with too little left for a budget there is no thinking',
    0.003,
    { thinking: { type: 'enabled', budget_tokens: 2000 } },
    () => undefined,
  ],
])('%s, at Anthropic', async (_what, usd, more, thinking) => {
  kiln.upstream.script('claude', json(200, CLAUDE_ANSWER));
  const { answer } = await chat(usd, { model: 'claude', ...more });
  expect(answer.status).toBe(200);
  const cap = Number(sent()['max_tokens']);
  expect(answer.headers.get('x-kiln-max-tokens')).toBe(String(cap));
  expect(sent()['thinking']).toEqual(thinking(cap));
});

test.each<[what: string, usd: number, asked: Json, sentAs: (cap: number) => Json]>([
  [
    "Anthropic's",
    0.1,
    { thinking: { type: 'enabled', budget_tokens: 60_000 } },
    (cap) => ({ thinking: { type: 'enabled', budget_tokens: cap - 1 } }),
  ],
  ["OpenRouter's", 0.1, { reasoning: { max_tokens: 60_000 } }, (cap) => ({ reasoning: { max_tokens: cap - 1 } })],
  [
    "Anthropic's, of too little",
    0.003,
    { thinking: { type: 'enabled', budget_tokens: 2000 } },
    () => ({ thinking: { type: 'disabled' } }),
  ],
  [
    "OpenRouter's, of too little",
    0.003,
    { reasoning: { max_tokens: 2000 } },
    () => ({ reasoning: { enabled: false } }),
  ],
  [
    "OpenRouter's, below the cap",
    0.1,
    { reasoning: { max_tokens: 2000 } },
    () => ({ reasoning: { max_tokens: 2000 } }),
  ],
])(
  'a budget of thinking in a body that passes as it came stays below the cap: %s',
  async (_whose, usd, asked, sentAs) => {
    expect((await chat(usd, { model: 'plain', ...asked })).answer.status).toBe(200);
    expect(sent()).toMatchObject(sentAs(Number(sent()['max_tokens'])));
  },
);
