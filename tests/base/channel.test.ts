import { describe, expect, it } from "vitest";
import { createChannel } from "../../forge/base/channel.ts";

describe("createChannel", () => {
  it("hands values over in their order and ends when it is closed", async () => {
    const channel = createChannel<number>();
    const taken: number[] = [];
    const consumer = (async () => {
      for await (const value of channel) taken.push(value);
    })();
    for (let i = 0; i < 5; i++) await channel.push(i);
    channel.close();
    await consumer;
    expect(taken).toEqual([0, 1, 2, 3, 4]);
  });

  it("lets a push wait until the value was worked off", async () => {
    const channel = createChannel<string>();
    const log: string[] = [];
    const consumer = (async () => {
      for await (const value of channel) {
        log.push(`begin ${value}`);
        await Promise.resolve();
        log.push(`end ${value}`);
      }
    })();
    await channel.push("a");
    log.push("pushed a");
    channel.close();
    await consumer;
    expect(log).toEqual(["begin a", "end a", "pushed a"]);
  });

  it("gives the consumer the error of who feeds it, even while it waits", async () => {
    const channel = createChannel<number>();
    const consumer = (async () => {
      for await (const _ of channel);
    })();
    consumer.catch(() => undefined);
    await channel.push(1);
    channel.fail(new Error("no more"));
    await expect(consumer).rejects.toThrow("no more");
  });

  it("does not hang when the consumer fails", async () => {
    const channel = createChannel<number>();
    const consumer = (async () => {
      for await (const _ of channel) throw new Error("full");
    })();
    consumer.catch(() => undefined);
    await channel.push(1);
    await channel.push(2);
    await expect(consumer).rejects.toThrow("full");
  });
});
