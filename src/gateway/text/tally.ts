import { NO_USAGE, type Usage } from '../../billing/usage.js';
import type { AssistantPart, Conversation, StreamEvent, TokenUsage } from '../dialects/conversation.js';
import { conversationTokens, Produced } from './tokens.js';

/** What an answer has used so far, by what the upstream says and by what has come. */
export class Tally {
  private said: Partial<TokenUsage> = {};
  private readonly produced = new Produced();
  private finished = false;

  constructor(private readonly conversation: Conversation) {}

  notePart(part: AssistantPart): void {
    if (part.type === 'tool_call') this.note({ type: 'tool_arguments', index: 0, fragment: part.arguments });
    else this.note({ type: 'text', text: part.text });
  }

  note(event: StreamEvent): void {
    if (event.type === 'usage') this.said = { ...this.said, ...event.usage };
    else if (event.type === 'finish') this.finished = true;
    else this.produced.note(event);
  }

  /**
   * The upstream's own counts. Where it said none, or was cut off before it could say the last, what came is counted: never
   * nothing, and never a prompt that was not sent.
   */
  async usage(): Promise<Usage> {
    const { said } = this;
    // Some servers say 0 where they mean that they did not count.
    const inputTokens = said.inputTokens || (await conversationTokens(this.conversation));
    const complete = this.finished && (said.outputTokens ?? 0) > 0;
    const outputTokens = complete
      ? (said.outputTokens ?? 0)
      : Math.max(said.outputTokens ?? 0, await this.produced.tokens());
    return { ...NO_USAGE, ...said, inputTokens, outputTokens };
  }
}
