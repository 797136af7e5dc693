import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Catalog } from '../../catalog/catalog.service.js';
import type { SyncModality, SyncModel } from '../../catalog/sync-schema.js';
import type { Usage, UsageEndpoint } from '../../billing/usage.js';
import { invalidRequest, KilnError, messageOf } from '../../common/errors.js';
import type { JsonObject } from '../../common/json.js';
import { assertText } from '../../common/request-errors.js';
import { type AuthKey, assertModelAllowed } from '../../keys/auth-key.js';
import { OWN_LIMIT_HEADER } from '../../keys/rate-headers.js';
import { Logger } from '../../telemetry/logger.js';
import { Failover, type Open } from './failover.js';
import { type Ending, Meter } from './meter.js';
import { SyncPlans } from './plans.js';
import type { Opened, PricedRoute, SyncWork } from './work.js';

/** A request whose model was found and may be called. */
export interface GatewayRequest {
  requestId: string;
  /** The alias that was asked for. */
  alias: string;
  body: JsonObject;
  model: SyncModel;
  endpoint: UsageEndpoint;
  startedAtMs: number;
  gone: AbortSignal;
}

/**
 * Charges once for what was used; what it cost the client in micro-USD. Null while the books are away: the charge goes on
 * until it is known, and an answer that was made and is held for is not kept from its client.
 */
export type Bill = (usage: Usage, ending: Ending) => Promise<number | null>;

export interface Run<T> {
  open: Open<T>;
  /** Answers the client. Bills before the last of it is sent. */
  finish: (opened: Opened<T>, bill: Bill) => Promise<void>;
}

const MODALITY_WORDS: Readonly<Record<SyncModality, string>> = {
  text: 'text',
  embedding: 'embeddings',
  speech: 'speech',
  transcription: 'transcriptions',
};

/** What every endpoint of the gateway does around its own work: model, plan, hold, routes, bill. */
@Injectable()
export class GatewayRequests {
  constructor(
    private readonly catalog: Catalog,
    private readonly plans: SyncPlans,
    private readonly meter: Meter,
    private readonly failover: Failover,
    private readonly logger: Logger,
  ) {}

  start(
    { body, request, reply, key }: { body: unknown; request: FastifyRequest; reply: FastifyReply; key: AuthKey },
    endpoint: UsageEndpoint,
    modality: SyncModality,
  ): GatewayRequest {
    const startedAtMs = performance.now() - reply.elapsedTime;
    if (body === null || typeof body !== 'object' || Array.isArray(body))
      throw invalidRequest('The request needs a JSON object as its body.');
    const fields = body as JsonObject;
    const model = this.model(fields['model'], key, modality);
    return { requestId: request.id, alias: model.id, body: fields, model, endpoint, startedAtMs, gone: goneOf(reply) };
  }

  model(alias: unknown, key: AuthKey, modality: SyncModality): SyncModel {
    if (typeof alias !== 'string' || alias === '') {
      const came = alias === undefined ? 'nothing' : JSON.stringify(alias).slice(0, 100);
      throw invalidRequest(`'model' must be the name of a model, as text; got ${came}.`, 'model');
    }
    assertText(alias, ['model']);
    const model = this.catalog.sync(alias);
    if (!model || model.modality !== modality) {
      const other = model?.modality ?? this.catalog.get(alias)?.modality;
      if (other !== undefined)
        throw invalidRequest(`'model' is '${alias}', which makes ${other}, not ${MODALITY_WORDS[modality]}.`, 'model');
      throw new KilnError(
        404,
        'not_found',
        `The model '${alias.slice(0, 128)}' does not exist. GET /v1/models lists what this key may call.`,
        { code: 'model_not_found', param: 'model', shouldRetry: false },
      );
    }
    assertModelAllowed(key, alias);
    return model;
  }

  /** Holds, asks the routes and lets `finish` answer. The hold is closed exactly once, whatever happens. */
  async run<T>(work: SyncWork, { open, finish }: Run<T>): Promise<void> {
    const routes = await this.meter.hold(work, await this.plans.routes(work));
    const opened = await this.opened(work, routes, open);
    let billed = false;
    const bill: Bill = async (usage, ending) => {
      billed = true;
      try {
        return await this.meter.settle(work, opened, usage, ending);
      } catch (error) {
        if (!(error instanceof KilnError) || error.status !== 503) throw error;
        this.logger.warn({ request: work.requestId }, 'the books are away; the charge of an answer goes on without it');
        return null;
      }
    };
    try {
      await finish(opened, bill);
    } catch (error) {
      if (!billed) await this.meter.release(work, routes, toKilnError(error));
      throw error;
    }
  }

  private async opened<T>(work: SyncWork, routes: readonly PricedRoute[], open: Open<T>): Promise<Opened<T>> {
    try {
      return await this.failover.run(work, routes, open);
    } catch (error) {
      await this.meter.release(work, routes, toKilnError(error));
      throw error;
    }
  }

  /** `chargedMicroUsd` is null while the cost is not known. */
  headers(reply: FastifyReply, opened: Opened<unknown>, chargedMicroUsd: number | null): void {
    // A key with a limit of its own is told that one: the provider's is not its client's.
    if (!reply.hasHeader(OWN_LIMIT_HEADER)) reply.headers(opened.rateLimits);
    reply.header('x-kiln-route', encodeURI(opened.route.id));
    reply.header('x-kiln-attempts', String(opened.attempts));
    if (opened.outputCap !== null) reply.header('x-kiln-max-tokens', String(opened.outputCap));
    if (opened.route.bridging) reply.header('x-kiln-bridged', 'true');
    if (opened.route.sandbox) reply.header('x-kiln-sandbox', 'true');
    if (chargedMicroUsd !== null) reply.header('x-kiln-cost-micro-usd', String(chargedMicroUsd));
  }

  brokeOff(work: SyncWork, { route }: Opened<unknown>, cause: unknown): void {
    this.logger.warn(
      { route: route.id, request: work.requestId, reason: messageOf(cause) },
      'an answer broke off after it had begun',
    );
  }
}

const toKilnError = (error: unknown): KilnError =>
  error instanceof KilnError ? error : new KilnError(500, 'internal_error', messageOf(error), { cause: error });

/** Aborts when the client goes away before its answer is whole. */
function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const { raw } = reply;
  if (raw.destroyed) gone.abort();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(new Error('the client went away'));
  });
  return gone.signal;
}
