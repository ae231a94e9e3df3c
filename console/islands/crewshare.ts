// Tells the hub where the crew is while it is on its way and wants to, and no longer. The
// hub keeps the newest in memory alone.

const every = 15_000; // ms between two

export class Sharing {
  order = "";
  trouble = false;
  private watch = 0;
  private last = 0;

  constructor(private readonly changed: () => void) {}

  start(order: string): void {
    this.stop();
    this.order = order;
    this.trouble = false;
    if (!navigator.geolocation) {
      this.fail();
      return;
    }
    this.watch = navigator.geolocation.watchPosition((p) => void this.tell(p), () => this.fail(), { enableHighAccuracy: false, maximumAge: every });
  }

  /** Stops, and has the hub forget. */
  stop(): void {
    if (!this.order) return;
    navigator.geolocation?.clearWatch(this.watch);
    void fetch(this.address(), { method: "DELETE", keepalive: true, headers: { Accept: "application/json" } }).catch(() => null); // the hub forgets by itself soon
    this.order = "";
    this.last = 0;
  }

  private fail(): void {
    this.stop();
    this.trouble = true;
    this.changed();
  }

  private address(): string {
    return `/orders/mine/${encodeURIComponent(this.order)}/position`;
  }

  private async tell(p: GeolocationPosition): Promise<void> {
    if (!this.order || Date.now() - this.last < every) return;
    this.last = Date.now();
    const body = JSON.stringify({ lon: p.coords.longitude, lat: p.coords.latitude });
    const answer = await fetch(this.address(), { method: "PUT", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
    if (answer && answer.status >= 400 && answer.status < 500) {
      this.stop(); // arrived, taken back, or the shift is over
      this.changed();
    }
  }
}
