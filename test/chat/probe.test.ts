import { describe, expect, test } from 'vitest';
import { probeCall, readProbe } from '../../src/chat/probe.ts';
import { TransportError } from '../../src/transport/transport-error.ts';

const answerOf = (code: number, info = 'words') =>
  readProbe({
    kind: 'response',
    status: 200,
    body: JSON.stringify({ ActionStatus: code === 0 ? 'OK' : 'FAIL', ErrorCode: code, ErrorInfo: info }),
  });
const pageOf = (status: number, body = '') => readProbe({ kind: 'response', status, body });

test('the call asks for the admin itself and nothing else', () => {
  const { path, body } = probeCall('root');
  expect({ path, body: JSON.parse(body.toString()) }).toEqual({
    path: 'im_open_login_svc/account_check',
    body: { CheckItem: [{ UserID: 'root' }] },
  });
});

describe('what an answer says', () => {
  test('0: accepted', () => expect(answerOf(0)).toEqual({ kind: 'accepted' }));

  test.each([
    [60006, 'CHAT_SDKAPPID'],
    [60009, 'CHAT_BASE_URL'],
    [60010, 'CHAT_ADMIN'],
    [60016, 'the app is disabled'],
    [60020, 'renew the plan'],
    [60021, 'allow list'],
    [60025, 'CHAT_SDKAPPID'],
    [60026, 'CHAT_REGION'],
    [60028, 'trial edition'],
    [70001, 'clock'],
    [70003, 'CHAT_SECRET_KEY'],
    [70009, 'CHAT_SECRET_KEY'],
    [70013, 'CHAT_ADMIN'],
    [70014, 'CHAT_SDKAPPID'],
    [70020, 'CHAT_REGION'],
    [70050, 'one minute'],
    [70051, 'admin'],
    [70403, 'CHAT_ADMIN'],
    [80005, 'console'],
  ])('%i: refused, and the text says what to change', (code, says) => {
    const verdict = answerOf(code);
    expect(verdict).toMatchObject({ kind: 'refused', code, text: expect.stringContaining(says) });
    expect('text' in verdict && verdict.text).toContain(`code ${code}`);
  });

  test.each([60004, 60007, 60008, 60011, 60017, 60027, 70107 + 60_000, 70402, 70500, 66_666])(
    '%i: odd, which is left to the job',
    (code) => expect(answerOf(code)).toMatchObject({ kind: 'odd', code, throttled: [60007, 60011].includes(code) }),
  );

  test.each([
    [200, '', 'the answer is empty'],
    [200, '<html></html>', 'a web page'],
    [200, ' <!DOCTYPE html>', 'a web page'],
    [200, '{"message":"ok"}', 'ErrorCode'],
    [200, '{"ActionStatus":"OK","ErrorCode":70003}', 'contradicts'],
    [302, '', 'HTTP 302: it sends elsewhere'],
    [400, '', 'HTTP 400'],
    [403, '', 'HTTP 403: a proxy or firewall'],
    [404, '', 'HTTP 404: nothing of the Chat API'],
    [407, '', 'HTTP 407: a proxy'],
    [503, '', 'HTTP 503: the gateway'],
  ])('HTTP %i with %j cannot be used', (status, body, says) => {
    expect(pageOf(status, body)).toMatchObject({ kind: 'unusable', text: expect.stringContaining(says) });
  });

  test('no answer cannot be used either', () => {
    const error = new TransportError('no answer within 5 s', 'ETIMEDOUT', true);
    expect(readProbe({ kind: 'error', error })).toEqual({ kind: 'unusable', text: 'no answer within 5 s' });
  });
});
