import { asked, type MessageBody, OLD, openWire } from './test-wire.js';

let wire: Awaited<ReturnType<typeof openWire>>;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire.sandbox.close());

type Block = Record<string, unknown>;
const user = (content: string | Block[]) => ({ role: 'user', content });
const assistant = (content: string | Block[]) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });
const text = (of: string): Block => ({ type: 'text', text: of });
const use = (id: string): Block => ({ type: 'tool_use', id, name: 'f', input: {} });
const result = (id: string): Block => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });
const messages = (...list: object[]) => ({ messages: list });
const PNG = Buffer.from('iVBORw0KGgo=', 'base64');
const image = (type: string, data: string): Block => ({
  type: 'image',
  source: { type: 'base64', media_type: type, data },
});

describe('turns', () => {
  test.each([
    ['the assistant first', messages(assistant('Hi'), user('Hi')), /first message must use the "user" role/],
    ['an empty message', messages(user('')), /^messages\.0: all messages must have non-empty content/],
    ['no blocks', messages(user([])), /^messages\.0: all messages must have non-empty content/],
    ['an empty text block', messages(user([text('')])), /text content blocks must be non-empty/],
    ['a blank text', messages(user('  ')), /must contain non-whitespace text/],
    ['an empty text of the assistant', messages(user('a'), assistant([text('')]), user('b')), /must be non-empty/],
    ['an empty system prompt', { system: [text('')] }, /^system: text content blocks must be non-empty/],
    ['a prefill', messages(user('a'), assistant('The answer is')), /does not support assistant message prefill/],
    ['a call of the user', messages(user([use('t1')])), /`tool_use` blocks cannot be in user messages/],
    [
      'a picture of the assistant',
      messages(user('a'), assistant([image('image/png', 'aGk=')]), user('b')),
      /assistant/,
    ],
    ['a system turn first', messages(system('a'), user('b')), /not supported on this model/],
    [
      'an unknown signature',
      messages(user('a'), assistant([{ type: 'thinking', thinking: 'x', signature: 'y' }]), user('b')),
      /Invalid `signature`/,
    ],
    [
      'redacted thinking from elsewhere',
      messages(user('a'), assistant([{ type: 'redacted_thinking', data: 'x' }]), user('b')),
      /Invalid `data`/,
    ],
  ])('%s is refused', async (_what, changed, message) => {
    await wire.expectRefused(asked(changed), message);
  });

  test('an older model goes on where a prefill ends, but not after a space', async () => {
    const prefill = (content: string) => asked({ model: OLD, ...messages(user('a'), assistant(content)) });
    expect((await wire.post(prefill('The answer is'))).status).toBe(200);
    await wire.expectRefused(prefill('The answer is '), /cannot end with trailing whitespace/);
  });

  test('neighbours of one role are one turn', async () => {
    const body = asked(
      messages(
        user('a'),
        user('b'),
        assistant([use('t1')]),
        assistant([use('t2')]),
        user([result('t2')]),
        user([result('t1')]),
      ),
    );
    expect((await wire.post(body)).status).toBe(200);
  });

  test('a system turn stands between a user and an assistant, on newer models', async () => {
    const on = (...list: object[]) => asked({ model: 'claude-opus-5', ...messages(...list) });
    expect((await wire.post(on(user('a'), system('b'), assistant('c'), user('d'), system('e')))).status).toBe(200);
    await wire.expectRefused(on(system('a'), user('b')), /must directly follow a user message/);
    await wire.expectRefused(on(user('a'), system('b'), user('c')), /must not directly follow a system message/);
  });
});

describe('tools', () => {
  test.each([
    [
      'a call without its result',
      [user('a'), assistant([use('t1')]), user('b')],
      /`tool_use` ids were found without .*: t1\./,
    ],
    ['a call at the end', [user('a'), assistant([use('t1')])], /`tool_use` ids were found without/],
    [
      'one result of two',
      [user('a'), assistant([use('t1'), use('t2')]), user([result('t1')])],
      /immediately after: t2\./,
    ],
    [
      'a text before the result',
      [user('a'), assistant([use('t1')]), user([text('b'), result('t1')])],
      /immediately after: t1/,
    ],
    ['a result of nothing', [user([result('t1')])], /unexpected `tool_use_id` found in `tool_result` blocks: t1/],
    [
      'a result twice',
      [user('a'), assistant([use('t1')]), user([result('t1'), result('t1')])],
      /Found multiple `tool_result` blocks with id: t1/,
    ],
    ['an id twice', [user('a'), assistant([use('t1'), use('t1')]), user([result('t1')])], /must be unique/],
    [
      'an id with other characters',
      [user('a'), assistant([use('t:1')]), user([result('t:1')])],
      /should match pattern/,
    ],
    [
      'a result that comes late',
      [user('a'), assistant([use('t1')]), user('b'), assistant('c'), user([result('t1')])],
      /`tool_use` ids were found without/,
    ],
  ])('%s is refused', async (_what, list, message) => {
    await wire.expectRefused(asked(messages(...list)), message);
  });

  test('results lead the next turn, and texts may follow', async () => {
    const body = asked(
      messages(user('a'), assistant([text('b'), use('t1'), use('t2')]), user([result('t2'), result('t1'), text('c')])),
    );
    const { status, body: answer } = await wire.post<MessageBody>(body);
    expect(status).toBe(200);
    expect(answer.content[0]?.text).toMatch(/c/);
  });
});

test('with a budget, calls go back with the thinking before them', async () => {
  const tools = [{ name: 'f', input_schema: { type: 'object', properties: {} } }];
  const ask = { model: OLD, max_tokens: 2_000, thinking: { type: 'enabled', budget_tokens: 1_024 }, tools };
  const { body: first } = await wire.post<MessageBody>(asked({ ...ask, ...messages(user('call f please')) }));
  expect(first.content.map(({ type }) => type)).toEqual(['thinking', 'tool_use']);
  const next = (content: object[]) =>
    asked({
      ...ask,
      ...messages(user('call f please'), assistant(content as Block[]), user([result(first.content[1]?.id ?? '')])),
    });
  expect((await wire.post(next(first.content))).status).toBe(200);
  await wire.expectRefused(
    next(first.content.slice(1)),
    /Expected `thinking` or `redacted_thinking`, but found `tool_use`/,
  );
});

test('thinking that was redacted goes back as it came', async () => {
  const magic =
    'ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB';
  const ask = { model: OLD, max_tokens: 2_000, thinking: { type: 'enabled', budget_tokens: 1_024 } };
  const { body: first } = await wire.post<MessageBody>(asked({ ...ask, ...messages(user(magic)) }));
  expect(first.content.map(({ type }) => type)).toEqual(['redacted_thinking', 'text']);
  const next = asked({ ...ask, ...messages(user(magic), assistant(first.content), user('b')) });
  expect((await wire.post(next)).status).toBe(200);
  const events = await wire.stream(asked({ ...ask, ...messages(user(magic)) }));
  expect(events[1]?.data.content_block).toEqual(first.content[0]);
});

describe('pictures', () => {
  test.each([
    ['no base64', image('image/png', '!!'), /invalid base64/],
    ['another type than it says', image('image/jpeg', PNG.toString('base64')), /appears to be a image\/png image/],
    ['no picture', image('image/png', 'aGVsbG8gd29ybGQ='), /Could not process image/],
    ['half a picture', image('image/png', PNG.toString('base64')), /Could not process image/],
    ['a type that is none', image('image/tiff', 'aGk='), /media_type: Input should be 'image\/jpeg'/],
  ])('%s is refused', async (_what, block, message) => {
    await wire.expectRefused(asked(messages(user([block]))), message);
  });
});
