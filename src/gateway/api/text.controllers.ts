import { Body, Controller, Headers, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidRequest } from '../../common/errors.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { AsksForWork, CurrentKey, KeyGuard } from '../../keys/key.guard.js';
import { TextGateway } from '../text/text-gateway.js';
import { TokenCounts } from '../text/token-counts.js';

/** Versions of Anthropic's API that are served (Anthropic docs, "API versions"). */
const ANTHROPIC_VERSIONS = ['2023-06-01', '2026-10-21'];
const DEFAULT_VERSION = '2023-06-01';

/** Anthropic's headers; a client that sends no version is served as the first. */
export function anthropicHeaders(
  version: string | undefined,
  betas: string | undefined,
): { version: string; betas: string[] } {
  const asked = version?.trim() ?? DEFAULT_VERSION;
  if (!ANTHROPIC_VERSIONS.includes(asked))
    throw invalidRequest(
      `'anthropic-version' must be ${ANTHROPIC_VERSIONS.join(' or ')}; got '${asked.slice(0, 40)}'.`,
      'anthropic-version',
    );
  const names = (betas ?? '')
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => /^[\w.-]{1,100}$/.test(beta));
  return { version: asked, betas: names };
}

/** OpenAI's text endpoints. */
@Controller('v1')
@UseGuards(KeyGuard)
export class OpenAiTextController {
  constructor(private readonly text: TextGateway) {}

  @Post('chat/completions')
  @AsksForWork()
  @HttpCode(200)
  async chat(
    @CurrentKey() key: AuthKey,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.text.answer({ dialect: 'chat', body, request, reply, key });
  }

  @Post('responses')
  @AsksForWork()
  @HttpCode(200)
  async responses(
    @CurrentKey() key: AuthKey,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.text.answer({ dialect: 'responses', body, request, reply, key });
  }
}

/** Anthropic's; `?beta=true` is what its beta clients add. */
@Controller('v1/messages')
@UseGuards(KeyGuard)
export class MessagesController {
  constructor(
    private readonly text: TextGateway,
    private readonly counts: TokenCounts,
  ) {}

  @Post()
  @AsksForWork()
  @HttpCode(200)
  async messages(
    @CurrentKey() key: AuthKey,
    @Body() body: unknown,
    @Headers('anthropic-version') version: string | undefined,
    @Headers('anthropic-beta') betas: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.text.answer({
      dialect: 'messages',
      body,
      request,
      reply,
      key,
      anthropic: anthropicHeaders(version, betas),
    });
  }

  @Post('count_tokens')
  @HttpCode(200)
  async count(
    @CurrentKey() key: AuthKey,
    @Body() body: unknown,
    @Headers('anthropic-version') version: string | undefined,
    @Headers('anthropic-beta') betas: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ input_tokens: number }> {
    return this.counts.count({
      dialect: 'messages',
      body,
      request,
      reply,
      key,
      anthropic: anthropicHeaders(version, betas),
    });
  }
}
