import type { FastifyInstance } from 'fastify';
import { invalid, noSuchModel } from './errors.js';
import { CLAUDE_MODELS, type ClaudeModel, EFFORTS, findClaude } from './models.js';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1_000;
const QUERY = ['limit', 'after_id', 'before_id', 'lifecycle', 'lifecycle[]', 'beta'];

/** `GET /v1/models` (a page of it, newest first) and `GET /v1/models/{id}`. */
export function modelRoutes() {
  return async function register(app: FastifyInstance): Promise<void> {
    app.get<{ Querystring: Record<string, string | string[]> }>('/models', async (request) => page(request.query));
    app.get<{ Params: { id: string } }>('/models/:id', async ({ params: { id } }) => {
      const model = findClaude(id);
      if (!model) throw noSuchModel(id);
      return infoOf(model);
    });
  };
}

function page(query: Record<string, string | string[]>): object {
  const unknown = Object.keys(query).find((name) => !QUERY.includes(name));
  if (unknown !== undefined) throw invalid(`${unknown}: Extra inputs are not permitted`);
  const limit = query['limit'] === undefined ? DEFAULT_LIMIT : Number(query['limit']);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw invalid(`limit: Input should be a valid integer from 1 to ${MAX_LIMIT}`);
  const stages = [query['lifecycle[]'] ?? query['lifecycle'] ?? ['active', 'deprecated']].flat();
  const listed = stages.includes('active') ? CLAUDE_MODELS : [];
  const indexOf = (name: string): number | null => {
    const id = query[name];
    if (id === undefined) return null;
    const index = listed.findIndex((model) => model.id === id);
    if (index === -1) throw invalid(`${name}: no model with the id ${String(id)}`);
    return index;
  };
  const after = indexOf('after_id');
  const before = indexOf('before_id');
  const start = before === null ? (after ?? -1) + 1 : Math.max(0, before - limit);
  const end = Math.min(before ?? listed.length, start + limit);
  const data = listed.slice(start, end).map(infoOf);
  return {
    data,
    first_id: data[0]?.id ?? null,
    has_more: before === null ? end < listed.length : start > 0,
    last_id: data.at(-1)?.id ?? null,
  };
}

const support = (supported: boolean) => ({ supported });

/** `ModelInfo` of `@anthropic-ai/sdk` 1.14. */
function infoOf(model: ClaudeModel) {
  const thinkingTypes = ['adaptive', 'between_tools', 'disabled', 'enabled'] as const;
  return {
    type: 'model',
    id: model.id,
    display_name: model.displayName,
    created_at: model.createdAt,
    lifecycle: 'active',
    line: model.line,
    deprecated_at: null,
    retires_at: null,
    max_input_tokens: model.contextTokens,
    max_tokens: model.maxOutputTokens,
    capabilities: {
      batch: support(false),
      citations: support(true),
      code_execution: support(false),
      context_management: {
        supported: false,
        clear_thinking_20251015: support(false),
        clear_tool_uses_20250919: support(false),
        compact_20260112: support(false),
      },
      effort: {
        supported: model.efforts.length > 0,
        ...Object.fromEntries(EFFORTS.map((effort) => [effort, support(model.efforts.includes(effort))])),
      },
      image_input: support(true),
      pdf_input: support(true),
      server_tools: { supported: false, code_execution: support(false), web_search: support(false) },
      structured_outputs: support(true),
      thinking: {
        supported: true,
        types: Object.fromEntries(thinkingTypes.map((type) => [type, support(model.thinking.includes(type))])),
      },
    },
  };
}
