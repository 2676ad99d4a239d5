/**
 * Gathers what comes while a flight is in the air, and sends it with the next one: one at a time, however many wait. Load makes flights
 * larger and not queues longer.
 */
export class Lane<Item> {
  private waiting: Item[] = [];
  private isFlying = false;

  /** `fly` must not throw. `landed` is called when nothing waits any more. */
  constructor(
    private readonly fly: (items: Item[]) => Promise<void>,
    private readonly most: number,
    private readonly landed: () => void = () => undefined,
  ) {}

  add(item: Item): void {
    this.waiting.push(item);
    if (this.isFlying) return;
    this.isFlying = true;
    // Whatever else this turn of the event loop brings flies along.
    setImmediate(() => void this.flyOn());
  }

  private async flyOn(): Promise<void> {
    while (this.waiting.length > 0) {
      const items = this.waiting.splice(0, this.most);
      await this.fly(items);
    }
    this.isFlying = false;
    this.landed();
  }
}
