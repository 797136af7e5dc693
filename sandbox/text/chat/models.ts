import type { Provider } from '../../faults.js';
import { embeddingModelsOf } from '../../embeddings/hosts.js';
import { audioModelsOf } from '../../speech/hosts.js';
import type { TextModel, TextVendor } from '../vendors.js';
import { pricesOf } from './openrouter-prices.js';

/** Seconds; when the sandbox's models were made. */
const CREATED = 1_767_225_600;

/** `GET /models` in the vendor's form. */
export function modelList(vendor: TextVendor): object {
  const data = [
    ...Object.entries(vendor.models).map(([id, model]) => entryOf(vendor, id, model)),
    ...otherModels(vendor),
  ];
  return vendor.provider === 'openrouter' ? { data } : { object: 'list', data };
}

/** `GET /models/{id}`; null where there is none. */
export function modelNamed(vendor: TextVendor, id: string): object | null {
  const name = id.replace(/^models\//, '');
  const model = vendor.models[name];
  return model === undefined ? null : entryOf(vendor, name, model);
}

/** What the vendor serves beside text; no more is said of them than what they are called. */
function otherModels({ provider }: TextVendor): object[] {
  const ids = [...embeddingModelsOf(provider), ...audioModelsOf(provider)];
  return ids.map((id) => head(provider === 'google' ? `models/${id}` : id, provider));
}

type Entry = (id: string, model: TextModel) => object;

const head = (id: string, owner: string) => ({ id, object: 'model', created: CREATED, owned_by: owner });

const ENTRIES: Partial<Record<Provider, Entry>> = {
  google: (id) => ({ id: `models/${id}`, object: 'model', owned_by: 'google', display_name: id }),
  openrouter: openRouterEntry,
  deepseek: (id) => ({ id, object: 'model', owned_by: 'deepseek' }),
  moonshot: (id, model) => ({
    ...head(id, 'moonshot'),
    context_length: model.contextTokens,
    supports_image_in: model.takes.includes('image'),
  }),
  groq: (id, model) => ({
    ...head(id, 'groq'),
    active: true,
    context_window: model.contextTokens,
    max_completion_tokens: model.maxOutputTokens,
    public_apps: null,
  }),
  vllm: (id, model) => ({
    ...head(id, 'vllm'),
    root: id,
    parent: null,
    max_model_len: model.contextTokens,
    permission: [],
  }),
};

function entryOf({ provider }: TextVendor, id: string, model: TextModel): object {
  return ENTRIES[provider]?.(id, model) ?? head(id, provider);
}

/** As of openrouter.ai/docs/api-reference/list-available-models; prices are text, in USD per token. */
function openRouterEntry(id: string, model: TextModel): object {
  const inputs = ['text', ...model.takes];
  return {
    id,
    canonical_slug: id,
    hugging_face_id: null,
    name: id,
    created: CREATED,
    description: 'Made by the sandbox.',
    context_length: model.contextTokens,
    architecture: {
      modality: `${inputs.join('+')}->text`,
      input_modalities: inputs,
      output_modalities: ['text'],
      tokenizer: 'Other',
      instruct_type: null,
    },
    pricing: { request: '0', image: '0', web_search: '0', internal_reasoning: '0', ...pricesOf(id) },
    top_provider: {
      context_length: model.contextTokens,
      max_completion_tokens: model.maxOutputTokens,
      is_moderated: false,
    },
    per_request_limits: null,
    supported_parameters: [
      'max_tokens',
      'response_format',
      'stop',
      'structured_outputs',
      'temperature',
      'tool_choice',
      'tools',
    ],
    default_parameters: null,
  };
}
