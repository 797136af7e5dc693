import type { JsonObject } from '../../common/json.js';
import { chat } from './chat/index.js';
import { messages, parseCount } from './messages/index.js';
import { asked } from './test-dialects.js';

const hi: JsonObject[] = [{ role: 'user', content: 'Hi' }];
const user = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });

describe('a body that is wrong', () => {
  it.each<[string, JsonObject]>([
    ["'messages' is required. Invalid input: expected array, received undefined.", {}],
    [
      "'messages[0].content' is not valid: expected a string or an array of parts; got 3.",
      { messages: [{ role: 'user', content: 3 }] },
    ],
    [
      `'messages[0].content[0].type' is not valid: Invalid option: expected one of "text"|"image_url"|"input_audio"|"video_url"|"file"; got "hologram".`,
      user({ type: 'hologram' }),
    ],
    [
      "'messages[0].content[1].image_url.url' is not valid: Invalid input: expected string, received number; got 3.",
      user({ type: 'text', text: 'a' }, { type: 'image_url', image_url: { url: 3 } }),
    ],
    [
      "'messages[0].content[0].image_url.url' is neither an http(s) URL nor a data URL.",
      user({ type: 'image_url', image_url: { url: 'ftp://a' } }),
    ],
    [
      "'messages[0].content[0].image_url.url' is not a data URL of the form 'data:<media type>;base64,<data>'.",
      user({ type: 'image_url', image_url: { url: 'data:image/png,abc' } }),
    ],
    ["'messages[0].content[0].file' needs file_data or file_id.", user({ type: 'file', file: { filename: 'a.pdf' } })],
    [
      `'tool_choice' is not valid: Invalid option: expected one of "none"|"auto"|"required"; got "any".`,
      { messages: hi, tool_choice: 'any' },
    ],
    [
      '\'temperature\' is not valid: Invalid input: expected number, received string; got "1".',
      { messages: hi, temperature: '1' },
    ],
    [
      "'messages[0].name' names a function that was not called before.",
      { messages: [{ role: 'function', name: 'f', content: '1' }] },
    ],
  ])('%s', (message, body) => {
    expect(() => chat.parse(body)).toThrow(expect.objectContaining({ status: 400, message }));
  });

  it.each<[string, JsonObject]>([
    ["'max_tokens' is required. Invalid input: expected number, received undefined.", { messages: hi }],
    [
      `'messages[0].content[0].content[0].type' is not valid: Invalid option: expected one of "text"|"image"|"document"; got "hologram".`,
      { max_tokens: 1, ...user({ type: 'tool_result', tool_use_id: 't', content: [{ type: 'hologram' }] }) },
    ],
    [
      `'messages[0].content[0].source.type' is not valid: Invalid option: expected one of "base64"|"url"|"file"; got "ftp".`,
      { max_tokens: 1, ...user({ type: 'image', source: { type: 'ftp' } }) },
    ],
    [
      "'thinking.budget_tokens' is required. Invalid input: expected number, received undefined.",
      { max_tokens: 1, messages: hi, thinking: { type: 'enabled' } },
    ],
    [
      "'tools[0].input_schema' is required. Invalid input: expected record, received undefined.",
      { max_tokens: 1, messages: hi, tools: [{ name: 'f' }] },
    ],
  ])('%s', (message, body) => {
    expect(() => messages.parse(body)).toThrow(expect.objectContaining({ status: 400, message }));
  });

  it('counts tokens without a limit', () => {
    expect(parseCount({ messages: hi }).turns).toEqual(asked({}).turns);
  });
});
