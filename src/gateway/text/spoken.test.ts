import { loadCatalog } from '../../catalog/load-catalog.js';
import type { SyncRoute } from '../../catalog/sync-schema.js';
import { adapters } from '../../providers/registry.js';
import type { JsonObject } from '../../common/json.js';
import { DIALECTS } from '../dialects/index.js';
import { lackingFor, spokenWith } from './spoken.js';

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-26T00:00:00Z'),
});
const route = (alias: string, name: string): SyncRoute => {
  const found = catalog.sync(alias)?.routes.find(({ id }) => id === `${alias}/${name}`);
  if (!found) throw new Error(`no route ${alias}/${name}`);
  return found;
};

test.each([
  ['claude-sonnet', 'bedrock', 'messages', 'messages'],
  ['claude-sonnet', 'bedrock', 'chat', 'messages'],
  ['claude-sonnet', 'bedrock', 'responses', 'messages'],
  ['claude-sonnet', 'openrouter', 'messages', 'chat'],
  ['gpt-5.4', 'openai', 'responses', 'responses'],
  ['gpt-5.4', 'openai', 'chat', 'chat'],
  ['gpt-5.4', 'openai', 'messages', 'chat'],
] as const)('%s on %s, asked by %s, is asked by %s', (alias, name, asked, spoken) => {
  expect(spokenWith(route(alias, name), asked)).toBe(spoken);
});

test('a route for sound speaks none of them', () => {
  expect(spokenWith({ ...route('gpt-5.4', 'openai'), settings: { kinds: ['speech'], body: {} } }, 'chat')).toBeNull();
});

const search = DIALECTS.responses.parse({ model: 'x', input: 'x', tools: [{ type: 'web_search' }] });

test('what a provider bills beside tokens is refused, not given away', () => {
  expect(lackingFor(search, 'responses')(route('gpt-5.4', 'openai'))).toEqual([
    "'tools' has 'web_search', which the provider bills beside tokens, and Kiln has no price for",
  ]);
  const options = DIALECTS.chat.parse({
    model: 'x',
    messages: [{ role: 'user', content: 'x' }],
    web_search_options: {},
  });
  expect(lackingFor(options, 'chat')(route('gpt-5.4', 'openai'))).toEqual([
    "'web_search_options' asks for web search, which the provider bills beside tokens, and Kiln has no price for",
  ]);
});

test('pictures by a text model are refused, sound and text are not', () => {
  const asking = (modalities: unknown) =>
    lackingFor(
      DIALECTS.chat.parse({ model: 'x', messages: [{ role: 'user', content: 'x' }], modalities } as JsonObject),
      'chat',
    )(route('gpt-5.4', 'openai'));
  expect(asking(['image', 'text'])).toEqual([
    "'modalities' asks for pictures, which the provider bills beside tokens, and Kiln has no price for; POST /v1/images/generations makes them",
  ]);
  for (const fine of [['text'], ['text', 'audio'], null, undefined]) expect(asking(fine)).toEqual([]);
});

test('tools that the client runs itself pass', () => {
  const bash = DIALECTS.messages.parse({
    model: 'x',
    max_tokens: 5,
    messages: [{ role: 'user', content: 'x' }],
    tools: [{ type: 'bash_20250124', name: 'bash' }],
  });
  expect(lackingFor(bash, 'messages')(route('claude-sonnet', 'anthropic'))).toEqual([]);
});
