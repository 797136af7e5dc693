import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Req,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { conflict } from '../common/errors.js';
import { type ListEnvelope, listEnvelope } from '../common/page.js';
import { AdminActor, AdminGuard, type AdminRequest, NeedsRole } from '../keys/admin.guard.js';
import { KeyAdmin } from '../keys/key-admin.js';
import {
  createKeyBody,
  type CreateKey,
  emptyBody,
  listKeysQuery,
  type ListKeysQuery,
  patchKeyBody,
  type PatchKey,
  rotateKeyBody,
  type RotateKey,
} from '../keys/key-bodies.js';
import {
  keyChanges,
  keyView,
  type KeyView,
  type KeyWithSecret,
  type RotatedKeyView,
  rotatedKeyView,
} from '../keys/key-view.js';
import { AuditInterceptor, Audited, auditAs } from './audit.interceptor.js';

/** Keys. To look takes a viewer, to change an admin. A change is obeyed within two seconds by every process. */
@Controller('admin/keys')
@UseGuards(AdminGuard)
@UseInterceptors(AuditInterceptor)
export class KeysController {
  constructor(private readonly keys: KeyAdmin) {}

  /** `key` is the secret; it is shown here and never again. */
  @Post()
  @Audited('key.create')
  async create(@Body({ schema: createKeyBody }) body: CreateKey): Promise<KeyWithSecret> {
    const { key, secret } = await this.keys.create(body);
    return { ...keyView(key), key: secret };
  }

  @Get()
  @NeedsRole('viewer')
  async list(@Query({ schema: listKeysQuery }) query: ListKeysQuery): Promise<ListEnvelope<KeyView>> {
    return listEnvelope(await this.keys.list(query), query, keyView);
  }

  @Get(':id')
  @NeedsRole('viewer')
  async get(@Param('id') id: string): Promise<KeyView> {
    return keyView(await this.keys.get(id));
  }

  @Patch(':id')
  @Audited('key.update')
  async update(
    @Param('id') id: string,
    @Body({ schema: patchKeyBody }) body: PatchKey,
    @AdminActor() actor: string,
    @Req() request: AdminRequest,
  ): Promise<KeyView> {
    if (body.disabled === true) assertOther(id, actor, 'disable');
    return this.change(id, body, request);
  }

  /** `key` is the new secret, shown here and never again. The one before works on for `overlap_seconds`; older ones end now. */
  @Post(':id/rotate')
  @HttpCode(200)
  @Audited('key.rotate')
  async rotate(
    @Param('id') id: string,
    @Body({ schema: rotateKeyBody }) body: RotateKey,
    @Req() request: AdminRequest,
  ): Promise<RotatedKeyView> {
    const view = rotatedKeyView(await this.keys.rotate(id, body));
    const { preview, previous_expires_at, ended_secrets } = view;
    auditAs(request, { ...body, preview, previous_expires_at, ended_secrets });
    return view;
  }

  @Post(':id/disable')
  @HttpCode(200)
  @Audited('key.disable')
  async disable(
    @Param('id') id: string,
    @Body({ schema: emptyBody }) _body: object | undefined,
    @AdminActor() actor: string,
    @Req() request: AdminRequest,
  ): Promise<KeyView> {
    assertOther(id, actor, 'disable');
    return this.change(id, { disabled: true }, request);
  }

  @Post(':id/enable')
  @HttpCode(200)
  @Audited('key.enable')
  async enable(
    @Param('id') id: string,
    @Body({ schema: emptyBody }) _body: object | undefined,
    @Req() request: AdminRequest,
  ): Promise<KeyView> {
    return this.change(id, { disabled: false }, request);
  }

  /** For good; its jobs and money stay. */
  @Delete(':id')
  @Audited('key.delete')
  async remove(@Param('id') id: string, @AdminActor() actor: string): Promise<object> {
    assertOther(id, actor, 'delete');
    await this.keys.remove(id);
    return { id, object: 'key.deleted', deleted: true };
  }

  private async change(id: string, patch: PatchKey, request: AdminRequest): Promise<KeyView> {
    const { before, after } = await this.keys.update(id, patch);
    auditAs(request, { changes: keyChanges(before, after) });
    return keyView(after);
  }
}

/** Who locks out the key in hand may have no other to undo it with. */
function assertOther(id: string, actor: string, verb: string): void {
  if (id === actor) throw conflict(`A key can not ${verb} itself; use another admin key.`);
}
