import type { FastifyReply, FastifyRequest } from 'fastify';
import { Callbacks } from '../callbacks.js';
import { sleep } from '../clock.js';
import type { SandboxContext } from '../context.js';
import type { Generations } from '../generations.js';
import { extensionOf, linkTo, sendOutput, typeOf } from '../media.js';
import { APPS } from './apps.js';
import { FalError, internalServerError, policyViolation, showFault } from './errors.js';
import type { Signer } from './signing.js';
import { type FalGeneration, type FalRequest, submit } from './submit.js';

const CANCELLED = 'Request was cancelled by the client';
const REQUEST_PATH = /^(.+)\/requests\/([0-9a-f-]{36})(\/status|\/cancel)?$/;

const messageOf = (error: FalError): string => {
  const { detail } = error.body as { detail?: string | { msg: string }[] };
  return typeof detail === 'string' ? detail : (detail?.[0]?.msg ?? 'failed');
};

/** fal's queue, and the direct calls that wait for the result. */
export class FalQueue {
  private readonly callbacks: Callbacks;
  private readonly stopping = new AbortController();

  constructor(
    private readonly context: SandboxContext,
    private readonly generations: Generations<FalRequest>,
    private readonly signer: Signer,
    private readonly prefix: string,
  ) {
    this.callbacks = new Callbacks(context);
  }

  close(): void {
    this.callbacks.close();
    this.stopping.abort(new Error('the sandbox stops'));
  }

  /** POST `/{model id}`. */
  async submit(id: string, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const taken = await submit(this.context, this.generations, id, request, reply);
    if (taken === null) return reply;
    const { generation, webhook } = taken;
    if (webhook !== null) this.ring(generation, webhook, request);
    return {
      request_id: generation.id,
      gateway_request_id: generation.id,
      status: 'IN_QUEUE',
      queue_position: this.generations.positionOf(generation),
      ...this.addresses(generation, request),
    };
  }

  /** POST `/direct/{model id}`: the answer is the result itself (https://fal.run). */
  async direct(id: string, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const taken = await submit(this.context, this.generations, id, request, reply);
    if (taken === null) return reply;
    const { generation } = taken;
    if (generation.readyAtMs !== null)
      await sleep(Math.max(0, generation.readyAtMs - this.context.clock.now()) + 1, this.stopping.signal);
    void reply.header('x-fal-request-id', generation.id);
    return this.outcome(generation, request);
  }

  /** GET and PUT below `/{owner}/{app}/requests/{id}`. */
  async about(method: 'GET' | 'PUT', path: string, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const [, app = '', id = '', verb] = REQUEST_PATH.exec(path) ?? [];
    if (method === 'PUT' && verb !== '/cancel') throw FalError.platform(404, `Path ${path} not found`);
    if (method === 'GET' && verb === '/cancel') throw FalError.platform(405, 'Method Not Allowed');
    const found = this.generations.find(id);
    // The sub-path of the model does not belong here.
    const generation =
      found !== null && found.request.app === app && this.generations.stateOf(found) !== 'missing' ? found : null;
    if (method === 'PUT') return this.cancel(generation, reply);
    if (verb === '/status') return this.status(generation, id, request, reply);
    this.context.recorder.count('fal', 'results');
    if (generation === null) throw FalError.platform(404, 'Request not found');
    void reply.header('x-fal-request-id', id);
    return this.outcome(generation, request);
  }

  async file(
    id: string,
    index: number,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> {
    return sendOutput(this.context, this.generations, { id, index }, request, reply, () =>
      reply.code(404).send({ detail: 'File not found' }),
    );
  }

  private addresses({ id, request: { app } }: FalGeneration, request: FastifyRequest): object {
    const base = `${request.protocol}://${request.host}${this.prefix}/${app}/requests/${id}`;
    return { response_url: base, status_url: `${base}/status`, cancel_url: `${base}/cancel` };
  }

  private status(generation: FalGeneration | null, id: string, request: FastifyRequest, reply: FastifyReply): object {
    this.context.recorder.count('fal', 'polls');
    const fault = this.context.faults.during('fal', 'poll', id, generation?.prompt ?? '', generation?.faults ?? {});
    if (fault !== null && showFault(reply, fault, null, '')) return reply;
    if (generation === null) throw FalError.platform(404, 'Request not found');
    const base = { request_id: id, ...this.addresses(generation, request) };
    const logs = (request.query as { logs?: string }).logs === '1' ? { logs: [] } : {};
    const state = this.generations.stateOf(generation);
    if (state === 'queued' || state === 'running') void reply.code(202);
    if (state === 'queued')
      return { status: 'IN_QUEUE', queue_position: this.generations.positionOf(generation), ...base };
    if (state === 'running') return { status: 'IN_PROGRESS', ...logs, ...base };
    return { status: 'COMPLETED', ...logs, metrics: { inference_time: 1 }, ...this.errorOf(generation), ...base };
  }

  /** `error` and `error_type` of a request that made nothing. */
  private errorOf(generation: FalGeneration): { error?: string; error_type?: string } {
    const state = this.generations.stateOf(generation);
    if (state === 'canceled') return { error: CANCELLED, error_type: 'client_cancelled' };
    if (state === 'failed') return { error: messageOf(internalServerError()), error_type: 'internal_server_error' };
    return state === 'filtered'
      ? { error: messageOf(policyViolation(generation.prompt)), error_type: 'content_policy_violation' }
      : {};
  }

  /** The model's output, or the error in its place. */
  private outcome(generation: FalGeneration, request: FastifyRequest): object {
    switch (this.generations.stateOf(generation)) {
      case 'queued':
      case 'running':
        throw FalError.platform(400, 'Request is still in progress');
      case 'missing':
        throw FalError.platform(404, 'Request not found');
      case 'canceled':
        throw FalError.platform(499, CANCELLED, 'client_cancelled');
      case 'failed':
        throw internalServerError();
      case 'filtered':
        throw policyViolation(generation.prompt);
      case 'empty':
        return this.output(generation, []);
      case 'done':
        return this.output(
          generation,
          generation.outputs.map((output, index) => {
            const name = `${index}.${extensionOf(output)}`;
            const sides = output.kind === 'picture' && output.picture.kind === 'drawn' ? output.picture : null;
            return {
              url: linkTo(request, `${this.prefix}/files/${generation.id}/${name}`, generation),
              content_type: typeOf(output),
              file_name: name,
              ...(sides === null ? {} : { width: sides.width, height: sides.height }),
            };
          }),
        );
    }
  }

  private output({ request }: FalGeneration, files: object[]): object {
    return APPS.get(request.id)?.result(request, files) ?? {};
  }

  private async cancel(generation: FalGeneration | null, reply: FastifyReply): Promise<object> {
    this.context.recorder.count('fal', 'cancels');
    if (generation === null) throw FalError.status(404, 'NOT_FOUND');
    const state = this.generations.stateOf(generation);
    if (state !== 'queued' && state !== 'running') throw FalError.status(400, 'ALREADY_COMPLETED');
    const stops = state === 'queued' || APPS.get(generation.request.id)?.partner === false;
    if (stops) await this.generations.cancel(generation);
    void reply.code(202);
    return { status: 'CANCELLATION_REQUESTED' };
  }

  private ring(generation: FalGeneration, url: string, request: FastifyRequest): void {
    const { protocol, host } = request;
    const message = (): object => {
      const ids = { request_id: generation.id, gateway_request_id: generation.id };
      try {
        return { ...ids, status: 'OK', payload: this.outcome(generation, { protocol, host } as FastifyRequest) };
      } catch (error) {
        if (!(error instanceof FalError)) throw error;
        return { ...ids, status: 'ERROR', error: messageOf(error), payload: error.body };
      }
    };
    this.callbacks.whenDone(generation, url, message, (body) =>
      this.signer.headers(generation.id, body, this.context.clock.now()),
    );
  }
}
