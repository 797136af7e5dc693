import { INITIAL_POSITIONS, TRANSITIONS, type Position } from './transitions.js';

const name = ({ status, stage }: Position): string => (stage === null ? status : `${status}_${stage}`);

/** The transition table as a Mermaid state diagram; docs/architecture.md holds this text, and a test compares the two. */
export function stateDiagram(): string {
  const lines = ['stateDiagram-v2', ...INITIAL_POSITIONS.map((position) => `  [*] --> ${name(position)}`)];
  for (const [transition, { from, to }] of Object.entries(TRANSITIONS)) {
    for (const position of from) lines.push(`  ${name(position)} --> ${name(to)}: ${transition}`);
  }
  for (const status of ['succeeded', 'failed', 'canceled']) lines.push(`  ${status} --> [*]`);
  return lines.join('\n');
}
