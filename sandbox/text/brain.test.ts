import { think } from './brain.js';
import { PromptCache } from './cache.js';
import { chunksOf, fragmentsOf } from './chunks.js';
import { type TextRequest, WELL } from './types.js';

const asked = (text: string, more: Partial<TextRequest> = {}): TextRequest => ({
  system: [],
  turns: [{ role: 'user', parts: [{ kind: 'text', text }] }],
  tools: [],
  toolChoice: 'auto',
  parallelTools: true,
  format: { kind: 'text' },
  maxOutputTokens: null,
  stop: [],
  reasoning: false,
  outcome: WELL,
  ...more,
});

const WEATHER = {
  name: 'get_weather',
  description: 'Current weather of a place',
  schema: {
    type: 'object',
    properties: { city: { type: 'string' }, unit: { enum: ['celsius', 'fahrenheit'] } },
    required: ['city', 'unit'],
    additionalProperties: false,
  },
};
const TIME = { name: 'clockTime', description: '', schema: { type: 'object', properties: {} } };

const callsOf = (request: TextRequest) => think(request).toolCalls.map(({ name, arguments: given }) => [name, given]);

describe('tools', () => {
  it('calls the one that is spoken of, with what the prompt offers', () => {
    const request = asked("What's the weather in New York, in fahrenheit?", { tools: [TIME, WEATHER] });
    expect(think(request)).toMatchObject({ text: '', stop: 'tool_calls' });
    expect(callsOf(request)).toEqual([['get_weather', { city: 'New York', unit: 'fahrenheit' }]]);
    expect(callsOf(asked('What time is it?', { tools: [WEATHER, TIME] }))).toEqual([['clockTime', {}]]);
  });

  it('calls it once for each of two cities, where parallel calls are allowed', () => {
    const request = asked('The weather in Tokyo and Paris', { tools: [WEATHER] });
    const calls = think(request).toolCalls;
    expect(calls.map(({ arguments: { city } }) => city)).toEqual(['Tokyo', 'Paris']);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(callsOf({ ...request, parallelTools: false })).toEqual([
      ['get_weather', { city: 'Tokyo', unit: 'celsius' }],
    ]);
  });

  it('calls none that is not spoken of or not allowed, and any that it must', () => {
    expect(think(asked('Tell me a joke', { tools: [WEATHER] })).stop).toBe('stop');
    expect(callsOf(asked('weather in Rome', { tools: [WEATHER], toolChoice: 'none' }))).toEqual([]);
    expect(callsOf(asked('Tell me a joke', { tools: [WEATHER], toolChoice: 'required' }))).toHaveLength(1);
    const named = asked('weather in Rome', { tools: [WEATHER, TIME], toolChoice: { name: 'clockTime' } });
    expect(callsOf(named)).toEqual([['clockTime', {}]]);
  });

  it('tells the result', () => {
    const request = asked('weather in Rome', { tools: [WEATHER] });
    const [call] = think(request).toolCalls;
    if (call === undefined) throw new Error('no call');
    request.turns.push(
      { role: 'assistant', text: '', toolCalls: [call] },
      { role: 'tool', callId: call.id, name: null, text: '21 degrees' },
    );
    const { text, stop, toolCalls } = think(request);
    expect(text).toContain('get_weather says: 21 degrees');
    expect([stop, toolCalls]).toEqual(['stop', []]);
  });
});

describe('text', () => {
  it('says what it was told, shown and asked', () => {
    const request = asked('Describe it', { system: ['Be brief'] });
    request.turns.unshift({ role: 'user', parts: [{ kind: 'image', about: 'image/png 64x48', tokens: 255 }] });
    expect(think(request).text).toBe('I was told: Be brief\nI see: image (image/png 64x48)\nYou said: Describe it');
    expect(think(request).usage.input).toBeGreaterThan(255);
    expect(think(request)).toEqual(think(request));
  });

  it('is cut by stop sequences and by the limit, reasoning included', () => {
    expect(think(asked('one STOP two', { stop: ['STOP'] }))).toMatchObject({
      text: 'You said: one ',
      stop: 'stop',
      stopSequence: 'STOP',
    });
    const short = think(asked('a long question '.repeat(9), { maxOutputTokens: 5 }));
    expect(short).toMatchObject({ stop: 'length', usage: { output: 5, reasoning: 0 } });
    expect(short.text).toHaveLength(20);
    const thinking = think(asked('why?', { maxOutputTokens: 3, reasoning: true }));
    expect(thinking).toMatchObject({ text: '', stop: 'length', usage: { output: 3, reasoning: 3 } });
  });

  it.each(['well', 'refused', 'filtered'] as const)('ends %s', (ends) => {
    const { text, refusal, stop } = think(asked('hello there', { outcome: { ...WELL, ends } }));
    const shown = { well: ['You said: hello there', null, 'stop'], refused: ['', expect.any(String), 'stop'] };
    expect([text, refusal, stop]).toEqual(ends === 'filtered' ? ['You said: h', null, 'content_filter'] : shown[ends]);
  });

  it('is as many chunks long as asked', () => {
    const { text } = think(asked('hello there', { outcome: { ...WELL, chunks: 500 } }));
    expect(chunksOf(text)).toHaveLength(500);
  });
});

describe('chunks', () => {
  it.each(['', 'one two  three\n', 'x'.repeat(50), '日本語のとても長い文章です、はい、そうですね 🦊🦊🦊'])(
    'join to %j',
    (text) => {
      expect(chunksOf(text).join('')).toBe(text);
      expect(fragmentsOf(text).join('')).toBe(text);
      expect(chunksOf(text).every((chunk) => chunk.isWellFormed())).toBe(true);
    },
  );
});

describe('PromptCache', () => {
  const long = (end: string) => asked(end, { system: ['a rule '.repeat(1000)], tools: [WEATHER] });

  it('reads what began alike, and nothing of short prompts', () => {
    const cache = new PromptCache();
    expect(cache.automatic(long('one'), 'm')).toEqual({ read: 0, written: 0 });
    const { read } = cache.automatic(long('two'), 'm');
    expect([read > 1024, read % 128]).toEqual([true, 0]);
    expect(cache.automatic(long('two'), 'other').read).toBe(0);
    cache.automatic(asked('hi'), 'm');
    expect(cache.automatic(asked('hi'), 'm').read).toBe(0);
  });

  it('writes up to a breakpoint, then reads that', () => {
    const cache = new PromptCache();
    const { written } = cache.upTo(long('one'), 'm', 2);
    expect(written).toBeGreaterThan(1024);
    expect(cache.upTo(long('two'), 'm', 2)).toEqual({ read: written, written: 0 });
  });
});
