import type { SyncRoute } from '../../catalog/sync-schema.js';
import { syncAdapters } from '../../providers/sync/registry.js';
import type { Conversation } from '../dialects/conversation.js';
import type { DialectId } from '../dialects/dialect.js';
import { DIALECTS } from '../dialects/index.js';
import { hasSignedCalls } from '../dialects/signed-calls.js';

/** What is spoken with a route that does not speak the client's API, best first. */
const INSTEAD: Readonly<Record<DialectId, readonly DialectId[]>> = {
  chat: ['messages', 'responses'],
  responses: ['chat', 'messages'],
  messages: ['chat', 'responses'],
};

/** The API in which a route is asked: the client's own where it speaks that; null where it speaks none. */
export function spokenWith(route: SyncRoute, asked: DialectId): DialectId | null {
  const kinds = syncAdapters.get(route.provider)?.kinds(route.settings) ?? [];
  return [asked, ...INSTEAD[asked]].find((dialect) => kinds.includes(dialect)) ?? null;
}

/** Only routes that speak something are planned. */
export function spokenOf(route: SyncRoute, asked: DialectId): DialectId {
  const spoken = spokenWith(route, asked);
  if (spoken === null) throw new Error(`${route.id} serves no text`);
  return spoken;
}

/** Whether the body goes on as it came; signed calls have ids that only Kiln can read. */
export const isRelayed = (spoken: DialectId, asked: DialectId, conversation: Conversation): boolean =>
  spoken === asked && !(spoken === 'responses' && hasSignedCalls(conversation));

/**
 * Tools that the provider runs and bills beside tokens (OpenAI's and Anthropic's price lists): what Kiln has no price for is
 * not bought. Those that the client runs itself pass.
 */
const BILLED_APART = /^(web_search|file_search|code_interpreter|code_execution|image_generation|x_search)/;
const BILLED_FIELD = 'web_search_options';
/**
 * Fields that change the price of tokens: OpenRouter's `models` (answers by another model) and `plugins` (search, reading of
 * files), Anthropic's `speed` (fast mode) and `inference_geo`.
 */
const REPRICING_FIELDS = ['models', 'plugins', 'speed', 'inference_geo'];
/** OpenAI's tier that costs more; the others cost as listed, or less. */
const DEARER_TIER = 'priority';

const dearerTier = ({ serviceTier }: Conversation): string[] =>
  serviceTier === DEARER_TIER
    ? [`'service_tier' can't be '${DEARER_TIER}', which the provider bills by other prices, and Kiln has none for`]
    : [];

function unpriced({ tools, foreign, modalities }: Conversation): string[] {
  const billed = tools.flatMap((tool) => (tool.kind === 'hosted' && BILLED_APART.test(tool.type) ? [tool.type] : []));
  const why = 'which the provider bills beside tokens, and Kiln has no price for';
  return [
    ...billed.map((type) => `'tools' has '${type}', ${why}`),
    ...(foreign.includes(BILLED_FIELD) ? [`'${BILLED_FIELD}' asks for web search, ${why}`] : []),
    ...(modalities?.includes('image') === true
      ? [`'modalities' asks for pictures, ${why}; POST /v1/images/generations makes them`]
      : []),
    ...foreign
      .filter((name) => REPRICING_FIELDS.includes(name))
      .map((name) => `'${name}' changes what the provider asks for tokens, and Kiln has no price for that`),
  ];
}

/** What a route can't do of a conversation, in the words of the API the client called. */
export function lackingFor(conversation: Conversation, asked: DialectId): (route: SyncRoute) => string[] {
  return (route) => {
    const spoken = spokenWith(route, asked);
    if (spoken === null) return ['the route serves no text'];
    const dialect = DIALECTS[spoken];
    return spoken === asked
      ? [
          ...dearerTier(conversation),
          ...dialect.relay.unsupported(conversation, route.traits),
          ...unpriced(conversation),
        ]
      : [...dearerTier(conversation), ...dialect.unsupported(conversation, route.traits, asked)];
  };
}
