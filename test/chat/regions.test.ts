import { expect, test } from 'vitest';
import { baseUrlOf, checkBaseUrl, isRegion, REGIONS } from '../../src/chat/regions.ts';

test('every region has a host of its own, over https', () => {
  expect(REGIONS).toEqual(['china', 'singapore', 'seoul', 'tokyo', 'frankfurt', 'silicon-valley', 'jakarta']);
  expect(new Set(REGIONS.map(baseUrlOf)).size).toBe(REGIONS.length);
  for (const region of REGIONS)
    expect(checkBaseUrl(baseUrlOf(region))).toEqual({ url: baseUrlOf(region), problem: null });
  expect(baseUrlOf('china')).toBe('https://console.tim.qq.com');
  expect(baseUrlOf('silicon-valley')).toBe('https://adminapiusa.im.qcloud.com');
});

test('only names of the list are regions', () => {
  expect(isRegion('tokyo')).toBe(true);
  for (const name of ['', 'Tokyo', 'mumbai', 'toString', '__proto__']) expect(isRegion(name)).toBe(false);
});

test.each([
  ['https://example.com', 'https://example.com'],
  ['https://example.com/', 'https://example.com'],
  ['https://example.com:8443/gate/', 'https://example.com:8443/gate'],
  ['http://127.0.0.1:7301', 'http://127.0.0.1:7301'],
  ['http://127.8.9.1', 'http://127.8.9.1'],
  ['http://localhost:7301/', 'http://localhost:7301'],
  ['http://[::1]:7301', 'http://[::1]:7301'],
])('takes %s', (text, url) => {
  expect(checkBaseUrl(text)).toEqual({ url, problem: null });
});

test.each([
  ['', /not a URL/],
  ['console.tim.qq.com', /not a URL/],
  ['ftp://example.com', /https:/],
  ['http://example.com', /plain http/],
  ['http://127.0.0.1.example.com', /plain http/],
  ['http://128.0.0.1', /plain http/],
  ['http://10.0.0.1:80', /plain http/],
  ['https://user:pass@example.com', /user name/],
  ['https://example.com/?a=b', /query/],
  ['https://example.com/#x', /fragment/],
])('refuses %s', (text, problem) => {
  expect(checkBaseUrl(text)).toMatchObject({ url: null, problem: expect.stringMatching(problem) });
});

test('takes plain http elsewhere only when told to', () => {
  expect(checkBaseUrl('http://10.0.0.1:80', { allowPlainHttp: true }).url).toBe('http://10.0.0.1');
});
