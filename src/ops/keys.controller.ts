import { Body, Controller, Delete, Get, Param, Post, UseGuards, UseInterceptors } from '@nestjs/common';
import { notFound } from '../common/errors.js';
import { AdminGuard } from '../keys/admin.guard.js';
import { createKeyBody, type CreateKey } from '../keys/auth-key.js';
import { Keys } from '../keys/keys.js';
import { AuditInterceptor, Audited } from './audit.interceptor.js';
import { keyRecordView, keyView } from './key-view.js';

@Controller('admin/keys')
@UseGuards(AdminGuard)
@UseInterceptors(AuditInterceptor)
export class KeysController {
  constructor(private readonly keys: Keys) {}

  /** `key` is the secret; it is shown here and never again. */
  @Post()
  @Audited('key.create')
  async create(@Body({ schema: createKeyBody }) body: CreateKey): Promise<object> {
    const { key, secret } = await this.keys.create(body);
    return { ...keyView(key), key: secret };
  }

  /** All of them, newest last. */
  @Get()
  async list(): Promise<object> {
    const data = (await this.keys.list()).map(keyRecordView);
    return { object: 'list', data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  }

  @Get(':id')
  async get(@Param('id') id: string): Promise<object> {
    const key = (await this.keys.list()).find((one) => one.id === id);
    if (!key) throw notFound('key', id.slice(0, 64));
    return keyRecordView(key);
  }

  /** The key stops working within two seconds; its jobs and money stay. */
  @Delete(':id')
  @Audited('key.delete')
  async remove(@Param('id') id: string): Promise<object> {
    await this.keys.remove(id);
    return { id, object: 'key.deleted', deleted: true };
  }
}
