package live

import (
	"context"
	"net"

	"polity/service"
	"polity/services/traffic/corridor"
	"polity/services/traffic/network"
)

// In puts the service before a made-up street that somebody else runs, and that outlives it.
func (s *Service) In(w *corridor.World, listen func(context.Context) (net.Listener, error)) {
	s.world, s.listen = w, listen
}

// Network is the one that the service knows.
func (s *Service) Network() *network.Network { return s.net }

// Real makes the service of junctions that are not made up, but for the line to them.
func Real(n *network.Network, c Config, d service.Deps) (*Service, error) {
	s, err := of(c, n, d)
	if err == nil {
		s.code = corridor.Code
	}
	return s, err
}
