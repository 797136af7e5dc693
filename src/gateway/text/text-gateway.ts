import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { UsageEndpoint } from '../../billing/usage.js';
import { invalidRequest } from '../../common/errors.js';
import type { JsonObject } from '../../common/json.js';
import { notKept } from '../../http/kept-answers.js';
import type { AuthKey } from '../../keys/auth-key.js';
import type { Opened, SyncWork } from '../router/work.js';
import { type GatewayRequest, GatewayRequests } from '../router/requests.js';
import type { Conversation } from '../dialects/conversation.js';
import type { DialectId, Echo } from '../dialects/dialect.js';
import { DIALECTS } from '../dialects/index.js';
import { withPlainIds } from '../dialects/signed-calls.js';
import { keepsItems } from '../dialects/responses/index.js';
import { ItemStore } from './items.js';
import { openStream, openWhole, type OpenStream, type WholeText } from './open-text.js';
import { StreamRelay } from './relay-stream.js';
import { outputMeasure } from './output-measure.js';
import { isRelayed, lackingFor, spokenOf } from './spoken.js';
import { Tally } from './tally.js';
import { tokensBeyond } from './tokens.js';

const ENDPOINTS: Readonly<Record<DialectId, UsageEndpoint>> = {
  chat: 'chat.completions',
  responses: 'responses',
  messages: 'messages',
};

/** A text request in one of the three APIs. */
export interface TextRequest {
  dialect: DialectId;
  body: unknown;
  request: FastifyRequest;
  reply: FastifyReply;
  key: AuthKey;
  /** Anthropic's headers, where the client called its API. */
  anthropic?: { version: string; betas: string[] };
}

/** Answers chat completions, responses and messages for every text alias, whichever of them its routes speak. */
@Injectable()
export class TextGateway {
  constructor(
    private readonly requests: GatewayRequests,
    private readonly items: ItemStore,
  ) {}

  async answer(text: TextRequest): Promise<void> {
    const { dialect, reply, key } = text;
    const found = this.requests.start(text, ENDPOINTS[dialect], 'text');
    const body = dialect === 'responses' ? await this.items.resolved(key.id, found.body) : found.body;
    const conversation = DIALECTS[dialect].parse(body);
    await assertFits(conversation, found);
    const work = workOf(text, found, body, conversation);
    const echo: Echo = {
      suffix: found.requestId.slice(found.requestId.indexOf('_') + 1),
      model: found.alias,
      createdAt: Math.floor(Date.now() / 1000),
      conversation,
      body,
    };
    if (conversation.stream) return this.streamed(work, echo, text);
    await this.requests.run(work, {
      open: (response, route) => openWhole(response, spokenOf(route, dialect)),
      finish: async (opened, bill) => {
        const tally = new Tally(conversation);
        const answer = await this.whole(opened, echo, dialect, tally);
        const charged = await bill(await tally.usage(), { status: 'ok', httpStatus: 200 });
        if (dialect === 'responses') await this.items.keepAnswer(key.id, body, answer);
        this.requests.headers(reply, opened, charged);
        await reply.type('application/json; charset=utf-8').send(JSON.stringify(answer));
      },
    });
  }

  /** The answer in the client's API, its usage noted. */
  private async whole(opened: Opened<WholeText>, echo: Echo, dialect: DialectId, tally: Tally): Promise<JsonObject> {
    const { answer, body, spoken } = opened.answer;
    for (const part of answer.parts) tally.notePart(part);
    tally.note({ type: 'finish', reason: answer.finish, stopSequence: answer.stopSequence });
    if (answer.usage) tally.note({ type: 'usage', usage: answer.usage });
    return spoken === dialect
      ? DIALECTS[dialect].relay.answer(body, echo)
      : DIALECTS[dialect].writeAnswer(answer, echo);
  }

  private async streamed(work: SyncWork, echo: Echo, { dialect, reply, key }: TextRequest): Promise<void> {
    await this.requests.run<OpenStream>(work, {
      open: (response, route) => openStream(response, spokenOf(route, dialect)),
      finish: async (opened, bill) => {
        const relay = new StreamRelay({
          stream: opened.answer,
          client: DIALECTS[dialect],
          echo,
          requestId: work.requestId,
          tally: new Tally(echo.conversation),
          gone: work.gone,
          settle: (usage, status, errorCode) => bill(usage, { status, httpStatus: 200, errorCode }),
          onBreak: (cause) => this.requests.brokeOff(work, opened, cause),
          keep: dialect === 'responses' && keepsItems(echo.body) ? (items) => this.items.keep(key.id, items) : null,
        });
        this.requests.headers(reply, opened, null);
        // Pieces of text, each as large as what came from the upstream at once; a client that does not read stops the source.
        const stream = Readable.from(relay.text(), { highWaterMark: 1 });
        notKept(stream, () => !relay.complete);
        stream.once(
          'close',
          () => void relay.abandon().catch((error: unknown) => this.requests.brokeOff(work, opened, error)),
        );
        await reply
          .type('text/event-stream; charset=utf-8')
          .header('cache-control', 'no-cache')
          .header('x-accel-buffering', 'no')
          .send(stream);
      },
    });
  }
}

async function assertFits(conversation: Conversation, { model }: GatewayRequest): Promise<void> {
  if (model.contextTokens === null) return;
  const tokens = await tokensBeyond(conversation, model.contextTokens);
  if (tokens === null) return;
  throw invalidRequest(
    `This model's maximum context length is ${model.contextTokens} tokens; the prompt has about ${tokens}.`,
    'messages',
    'context_length_exceeded',
  );
}

function workOf(
  { dialect, anthropic, key }: TextRequest,
  found: GatewayRequest,
  body: JsonObject,
  conversation: Conversation,
): SyncWork {
  const measure = outputMeasure(conversation, dialect, body);
  const lacking = lackingFor(conversation, dialect);
  const { model: _alias, ...rest } = body;
  return {
    ...found,
    key,
    streamed: conversation.stream,
    lacking,
    measure,
    bound: (route) => measure.bound(route, measure.most(route)),
    call: (route, outputCap) => {
      const spoken = spokenOf(route, dialect);
      const asked = outputCap === null ? conversation : { ...conversation, maxOutputTokens: outputCap };
      return {
        kind: spoken,
        stream: conversation.stream,
        body: isRelayed(spoken, dialect, conversation)
          ? DIALECTS[spoken].relay.request(rest, asked, route.traits)
          : DIALECTS[spoken].write(spoken === 'chat' ? asked : withPlainIds(asked), route.traits),
        ...(spoken === 'messages' && anthropic ? { anthropic } : {}),
      };
    },
  };
}
