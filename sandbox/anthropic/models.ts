export const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];
export type ThinkingType = 'adaptive' | 'enabled' | 'disabled' | 'between_tools';

/** What one model takes; a request beyond it is refused with 400. */
export interface ClaudeModel {
  id: string;
  displayName: string;
  line: 'haiku' | 'sonnet' | 'opus' | 'fable';
  createdAt: string;
  contextTokens: number;
  maxOutputTokens: number;
  /** Takes temperature, top_p and top_k away from their defaults (with `anthropic-version: 2023-06-01`). */
  samples: boolean;
  /** Continues an assistant turn at the end of `messages`. */
  prefills: boolean;
  thinking: readonly ThinkingType[];
  /** Thinks when the request says nothing about it. */
  thinksByDefault: boolean;
  /** What `thinking.display` is when it is not given. */
  display: 'summarized' | 'omitted';
  efforts: readonly Effort[];
  /** The highest effort that goes with `thinking.type: disabled` or `between_tools` is `high`. */
  capsEffortWithoutThinking: boolean;
  /** Takes `tool_choice` any and tool. */
  forcesTools: boolean;
  /** Takes `role: system` between other turns. */
  systemTurns: boolean;
  /** A shorter prefix is silently not cached. */
  minCachedTokens: number;
}

const LEGACY = {
  contextTokens: 200_000,
  maxOutputTokens: 64_000,
  samples: true,
  prefills: true,
  thinking: ['enabled', 'disabled'],
  thinksByDefault: false,
  display: 'summarized',
  efforts: [],
  capsEffortWithoutThinking: false,
  forcesTools: true,
  systemTurns: false,
  minCachedTokens: 4_096,
} as const satisfies Partial<ClaudeModel>;

const GENERATION_4_6 = {
  ...LEGACY,
  contextTokens: 1_000_000,
  maxOutputTokens: 128_000,
  prefills: false,
  thinking: ['adaptive', 'enabled', 'disabled'],
  efforts: ['low', 'medium', 'high', 'max'],
} as const satisfies Partial<ClaudeModel>;

const GENERATION_4_7 = {
  ...GENERATION_4_6,
  samples: false,
  thinking: ['adaptive', 'disabled'],
  display: 'omitted',
  efforts: EFFORTS,
  minCachedTokens: 1_024,
} as const satisfies Partial<ClaudeModel>;

const GENERATION_5 = { ...GENERATION_4_7, thinksByDefault: true } as const satisfies Partial<ClaudeModel>;
const ALWAYS_THINKS = {
  ...GENERATION_5,
  thinking: ['adaptive'],
  systemTurns: true,
  minCachedTokens: 512,
} as const satisfies Partial<ClaudeModel>;

/**
 * Claude models as of November 2026, newest first. Limits and rules: model pages and migration guides of Claude Platform, the
 * catalog of `@ai-sdk/anthropic` 4.0.105 and, for system turns, the profiles of `@langchain/anthropic` 1.5.13. Where the 5.5 models' smallest cached prefix is not published, their
 * predecessors' stands.
 */
export const CLAUDE_MODELS: readonly ClaudeModel[] = [
  {
    ...ALWAYS_THINKS,
    id: 'claude-fable-5-2',
    displayName: 'Claude Fable 5.2',
    line: 'fable',
    createdAt: '2026-11-10T00:00:00Z',
    forcesTools: false,
  },
  {
    ...GENERATION_5,
    id: 'claude-haiku-5-5',
    displayName: 'Claude Haiku 5.5',
    line: 'haiku',
    createdAt: '2026-10-07T00:00:00Z',
    capsEffortWithoutThinking: true,
    systemTurns: true,
  },
  {
    ...GENERATION_5,
    id: 'claude-sonnet-5-5',
    displayName: 'Claude Sonnet 5.5',
    line: 'sonnet',
    createdAt: '2026-09-29T00:00:00Z',
    thinking: ['adaptive', 'between_tools'],
    capsEffortWithoutThinking: true,
    forcesTools: false,
    systemTurns: true,
  },
  {
    ...ALWAYS_THINKS,
    id: 'claude-fable-5-1',
    displayName: 'Claude Fable 5.1',
    line: 'fable',
    createdAt: '2026-09-24T00:00:00Z',
    forcesTools: false,
  },
  {
    ...ALWAYS_THINKS,
    id: 'claude-opus-5-5',
    displayName: 'Claude Opus 5.5',
    line: 'opus',
    createdAt: '2026-09-22T00:00:00Z',
    forcesTools: false,
  },
  {
    ...GENERATION_5,
    id: 'claude-opus-5',
    displayName: 'Claude Opus 5',
    line: 'opus',
    createdAt: '2026-07-24T00:00:00Z',
    capsEffortWithoutThinking: true,
    systemTurns: true,
    minCachedTokens: 512,
  },
  {
    ...ALWAYS_THINKS,
    id: 'claude-fable-5',
    displayName: 'Claude Fable 5',
    line: 'fable',
    createdAt: '2026-07-07T00:00:00Z',
  },
  {
    ...GENERATION_5,
    id: 'claude-sonnet-5',
    displayName: 'Claude Sonnet 5',
    line: 'sonnet',
    createdAt: '2026-06-30T00:00:00Z',
    systemTurns: true,
  },
  {
    ...GENERATION_4_7,
    id: 'claude-opus-4-8',
    displayName: 'Claude Opus 4.8',
    line: 'opus',
    createdAt: '2026-05-28T00:00:00Z',
    systemTurns: true,
  },
  {
    ...GENERATION_4_7,
    id: 'claude-opus-4-7',
    displayName: 'Claude Opus 4.7',
    line: 'opus',
    createdAt: '2026-04-16T00:00:00Z',
    minCachedTokens: 2_048,
  },
  {
    ...GENERATION_4_6,
    id: 'claude-sonnet-4-6',
    displayName: 'Claude Sonnet 4.6',
    line: 'sonnet',
    createdAt: '2026-02-17T00:00:00Z',
    minCachedTokens: 1_024,
  },
  {
    ...GENERATION_4_6,
    id: 'claude-opus-4-6',
    displayName: 'Claude Opus 4.6',
    line: 'opus',
    createdAt: '2026-02-05T00:00:00Z',
  },
  {
    ...LEGACY,
    id: 'claude-opus-4-5-20251101',
    displayName: 'Claude Opus 4.5',
    line: 'opus',
    createdAt: '2025-11-24T00:00:00Z',
    efforts: ['low', 'medium', 'high'],
  },
  {
    ...LEGACY,
    id: 'claude-haiku-4-5-20251001',
    displayName: 'Claude Haiku 4.5',
    line: 'haiku',
    createdAt: '2025-10-15T00:00:00Z',
  },
  {
    ...LEGACY,
    id: 'claude-sonnet-4-5-20250929',
    displayName: 'Claude Sonnet 4.5',
    line: 'sonnet',
    createdAt: '2025-09-29T00:00:00Z',
    minCachedTokens: 1_024,
  },
];

/** By id, or by the alias that leaves the date out; undefined where there is none. */
export function findClaude(id: string): ClaudeModel | undefined {
  return CLAUDE_MODELS.find((model) => model.id === id || model.id.replace(/-\d{8}$/, '') === id);
}
