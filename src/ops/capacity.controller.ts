import { Body, Controller, Get, HttpCode, Param, Post, UseGuards, UseInterceptors } from '@nestjs/common';
import { notFound } from '../common/errors.js';
import { STATE_ACTIONS, type StateAction, stateBody, type StateBody } from '../jobs/admin/bodies.js';
import { Capacity } from '../jobs/admin/capacity.js';
import { AdminGuard, NeedsRole } from '../keys/admin.guard.js';
import { AuditInterceptor, Audited } from './audit.interceptor.js';

/** Lanes and routes: pause, resume, drain. */
@Controller('admin')
@UseGuards(AdminGuard)
@UseInterceptors(AuditInterceptor)
export class CapacityController {
  constructor(private readonly capacity: Capacity) {}

  @Get('lanes')
  @NeedsRole('viewer')
  async lanes(): Promise<object> {
    return wholeList(await this.capacity.lanes());
  }

  @Post('lanes/:id/:action')
  @HttpCode(200)
  @Audited('lane.state')
  @NeedsRole('operator')
  async changeLane(
    @Param('id') id: string,
    @Param('action') action: string,
    @Body({ schema: stateBody }) _body: StateBody,
  ): Promise<object> {
    return this.capacity.changeLane(id, readAction(action));
  }

  @Get('routes')
  @NeedsRole('viewer')
  async routes(): Promise<object> {
    return wholeList(await this.capacity.routes());
  }

  /** Route ids hold slashes: raw they are more path, encoded they come as %2F; the action is the last segment. */
  @Post('routes/*')
  @HttpCode(200)
  @Audited('route.state')
  @NeedsRole('operator')
  async changeRoute(@Param('*') rest: string, @Body({ schema: stateBody }) body: StateBody): Promise<object> {
    const [, id = '', action = ''] = /^(.+)\/([^/]+)$/.exec(rest) ?? [];
    return this.capacity.changeRoute(id, readAction(action), body?.reason ?? null);
  }
}

function readAction(action: string): StateAction {
  if (Object.hasOwn(STATE_ACTIONS, action)) return action as StateAction;
  throw notFound(`action (${Object.keys(STATE_ACTIONS).join(', ')})`, action.slice(0, 64));
}

const wholeList = (data: readonly { id: string }[]): object => ({
  object: 'list',
  data,
  has_more: false,
  first_id: data[0]?.id ?? null,
  last_id: data.at(-1)?.id ?? null,
});
