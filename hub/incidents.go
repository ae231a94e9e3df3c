package hub

import (
	"context"
	"time"

	"polity/access"
	"polity/access/look"
	"polity/city"
	"polity/console/texts"
	"polity/room/incident"
	"polity/room/order"
)

// related is what belongs to an incident besides its alerts: work orders made from them,
// as far as the one who asks may see orders, and how often its cameras were looked at on
// its days, as everyone may know: by body and purpose, not by whom.
func (h *Hub) related(ctx context.Context, who access.Who, d incident.Detail) (items []incident.Item, err error) {
	say := texts.English()
	cameras := map[city.Slug]bool{}
	for _, a := range d.Alerts {
		if a.Camera != "" {
			cameras[a.Camera] = true
		}
		if h.orders == nil {
			continue
		}
		list, _, err := h.orders.List(ctx, order.Asker{Who: who}, order.Filter{From: order.FromAlert, Key: string(a.Key)})
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			items = append(items, incident.Item{
				At: o.Made, Kind: "order", ID: o.ID, What: say.Say("incident.export.ordered", "number", o.Number, "state", say.Say("orders.state."+string(o.State))),
			})
		}
	}
	if h.book == nil || len(cameras) == 0 {
		return items, nil
	}
	end := d.Incident.Closed
	if end.IsZero() {
		end = h.now()
	}
	first, last := d.Incident.Opened.In(h.about.Zone).Format(time.DateOnly), end.In(h.about.Zone).Format(time.DateOnly)
	days, _, _ := h.book.Days(ctx)
	for _, day := range days {
		if on := day.Day.Day; on >= first && on <= last {
			items = append(items, h.looksOf(&day, cameras, say)...)
		}
	}
	return items, nil
}

func (h *Hub) looksOf(day *look.Published, cameras map[city.Slug]bool, say *texts.Language) (items []incident.Item) {
	at, err := time.ParseInLocation(time.DateOnly, day.Day.Day, h.about.Zone)
	if err != nil {
		return nil // no day of the book
	}
	for _, c := range day.Of {
		if cameras[c.Name] {
			items = append(items, incident.Item{
				At: at.AddDate(0, 0, 1).Add(-time.Millisecond), Kind: "look", ID: string(c.Name), What: say.Say("incident.export.looked", "n", c.Looks, "camera", string(c.Name), "body", string(c.Body), "purpose", string(c.Purpose)),
			})
		}
	}
	return items
}
