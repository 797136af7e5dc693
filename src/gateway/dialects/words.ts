import type { DialectId } from './dialect.js';

/** What the three APIs call the same thing: refusals speak the client's language. */
const WORDS = {
  turns: { chat: 'messages', responses: 'input', messages: 'messages' },
  maxOutputTokens: { chat: 'max_completion_tokens', responses: 'max_output_tokens', messages: 'max_tokens' },
  temperature: { chat: 'temperature', responses: 'temperature', messages: 'temperature' },
  topP: { chat: 'top_p', responses: 'top_p', messages: 'top_p' },
  topK: { chat: 'top_k', responses: 'top_k', messages: 'top_k' },
  stop: { chat: 'stop', responses: 'stop', messages: 'stop_sequences' },
  n: { chat: 'n', responses: 'n', messages: 'n' },
  presencePenalty: { chat: 'presence_penalty', responses: 'presence_penalty', messages: 'presence_penalty' },
  frequencyPenalty: { chat: 'frequency_penalty', responses: 'frequency_penalty', messages: 'frequency_penalty' },
  logitBias: { chat: 'logit_bias', responses: 'logit_bias', messages: 'logit_bias' },
  logprobs: { chat: 'logprobs', responses: 'top_logprobs', messages: 'logprobs' },
  format: { chat: 'response_format', responses: 'text.format', messages: 'output_config.format' },
  effort: { chat: 'reasoning_effort', responses: 'reasoning.effort', messages: 'output_config.effort' },
  thinking: { chat: 'reasoning_effort', responses: 'reasoning', messages: 'thinking' },
  tools: { chat: 'tools', responses: 'tools', messages: 'tools' },
  toolChoice: { chat: 'tool_choice', responses: 'tool_choice', messages: 'tool_choice' },
  image: { chat: 'image_url', responses: 'input_image', messages: 'image' },
  audio: { chat: 'input_audio', responses: 'input_audio', messages: 'audio' },
  video: { chat: 'video_url', responses: 'input_video', messages: 'video' },
  document: { chat: 'file', responses: 'input_file', messages: 'document' },
  toolCall: { chat: 'tool_calls', responses: 'function_call', messages: 'tool_use' },
  arguments: { chat: 'function.arguments', responses: 'arguments', messages: 'input' },
} as const satisfies Record<string, Record<DialectId, string>>;

export type Word = keyof typeof WORDS;

/** The field in the words of the API that was called, quoted. */
export const say = (word: Word, asked: DialectId): string => `'${WORDS[word][asked]}'`;

/** "'messages' has an 'image_url'". */
export const sayPart = (word: 'image' | 'audio' | 'video' | 'document' | 'toolCall', asked: DialectId): string =>
  `${say('turns', asked)} has ${word === 'image' || word === 'audio' ? 'an' : 'a'} ${say(word, asked)} part`;

export const API_NAMES: Record<DialectId, string> = {
  chat: "OpenAI's chat completions API",
  responses: "OpenAI's responses API",
  messages: "Anthropic's messages API",
};
