import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { sendFile } from '../transport.js';
import { FalError } from './errors.js';
import { problemsOf, required, string } from './fields.js';

const FIELDS = { content_type: required(string()), file_name: required(string(255)) };

/** fal's storage (https://rest.fal.ai/storage): an address to PUT to, and the public link it then has. */
export class FalStorage {
  private readonly files = new Map<string, { contentType: string; path: string | null }>();

  constructor(
    private readonly context: SandboxContext,
    private readonly prefix: string,
  ) {}

  initiate(request: FastifyRequest): object {
    const { storage_type: type } = request.query as { storage_type?: string };
    if (type !== undefined && type !== 'fal-cdn-v3')
      throw FalError.platform(400, `storage_type ${type} is not known`, 'bad_request');
    const problems = problemsOf(FIELDS, request.body);
    if (problems.length > 0) throw FalError.model(422, false, problems);
    const { content_type: contentType, file_name: name } = request.body as { content_type: string; file_name: string };
    const id = randomUUID();
    this.files.set(id, { contentType, path: null });
    const base = `${request.protocol}://${request.host}${this.prefix}`;
    return {
      upload_url: `${base}/storage/put/${id}`,
      file_url: `${base}/storage/files/${id}/${encodeURIComponent(name)}`,
    };
  }

  async put(id: string, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
    const file = this.files.get(id);
    if (file === undefined) throw FalError.platform(404, 'Upload not found');
    if (!Buffer.isBuffer(body) || body.length === 0) throw FalError.platform(400, 'The body is empty', 'bad_request');
    file.path = await this.context.studio.keep(body);
    return reply.send();
  }

  async send(id: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const file = this.files.get(id);
    if (file === undefined || file.path === null) throw FalError.platform(404, 'File not found');
    return sendFile(request, reply, { path: file.path, contentType: file.contentType });
  }
}
