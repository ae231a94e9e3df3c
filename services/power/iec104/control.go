package iec104

import (
	"context"
	"fmt"
	"sync"

	"polity/city"
)

// Command is what to do with a device.
type Command struct {
	Type    Type // SingleCommand, DoubleCommand or SetPointFloat
	Address uint32
	Value   float64 // 0 or 1; Off or On; a set point
}

func (c Command) check() error {
	ok := false
	switch c.Type {
	case SingleCommand:
		ok = c.Value == 0 || c.Value == 1
	case DoubleCommand:
		ok = c.Value == Off || c.Value == On
	case SetPointFloat:
		ok = c.Value-c.Value == 0 // neither infinite nor no number
	}
	if !ok || c.Address > 0xffffff {
		return city.Errorf(city.Invalid, "command of type %d with value %g to object %d: no device does that", c.Type, c.Value, c.Address)
	}
	return nil
}

// Confirmation is the word by which a command is executed: a person's, or, for a set point
// alone, that of limits which were registered in advance. No switch moves by the latter.
type Confirmation struct {
	By       string // who
	Decision string // the recorded decision that it belongs to
	// Registered is the register's entry of the algorithm that stays within its limits.
	Registered string
}

func (w Confirmation) allows(c Command) bool {
	return w.Decision != "" && (w.By != "" || (w.Registered != "" && c.Type == SetPointFloat))
}

// Selection is a command that the outstation holds ready. It is executed or
// cancelled; until then no other command goes out.
type Selection struct {
	c       *Client
	command Command
	once    sync.Once
}

// Select asks the outstation to hold a command ready (5-101, 6.8: select before
// operate). Nothing moves.
func (c *Client) Select(ctx context.Context, command Command) (*Selection, error) {
	if err := command.check(); err != nil {
		return nil, err
	}
	if !c.command.TryLock() {
		return nil, city.Errorf(city.Conflict, "another command is selected: execute or cancel it first")
	}
	if err := c.ask(ctx, command.message(Activation, true), ActivationCon); err != nil {
		c.command.Unlock()
		return nil, fmt.Errorf("select object %d: %w", command.Address, err)
	}
	return &Selection{c: c, command: command}, nil
}

func (c Command) message(cause Cause, selects bool) *ASDU {
	return &ASDU{Type: c.Type, Cause: cause, Objects: []Object{{Address: c.Address, Value: c.Value, Select: selects}}}
}

// release lets other commands go out; false where that has been done.
func (s *Selection) release() bool {
	first := false
	s.once.Do(func() { first = true })
	return first
}

// Execute operates what was selected, once a person has said so, and returns when
// the outstation reports the end. Without a confirmation it is refused here, nothing
// goes out, and the selection stands.
func (s *Selection) Execute(ctx context.Context, word Confirmation) error {
	if !word.allows(s.command) {
		return city.Errorf(city.Forbidden, "object %d is not operated without a person who confirms it and the decision that it belongs to", s.command.Address)
	}
	if !s.release() {
		return city.Errorf(city.Conflict, "object %d: the selection was executed or cancelled already", s.command.Address)
	}
	defer s.c.command.Unlock()
	if err := s.c.ask(ctx, s.command.message(Activation, false), ActivationEnd); err != nil {
		return fmt.Errorf("operate object %d: %w", s.command.Address, err)
	}
	return nil
}

// Cancel gives the selection up; after Execute it does nothing.
func (s *Selection) Cancel(ctx context.Context) error {
	if !s.release() {
		return nil
	}
	defer s.c.command.Unlock()
	if err := s.c.ask(ctx, s.command.message(Deactivation, true), DeactivationCon); err != nil {
		return fmt.Errorf("cancel the selection of object %d: %w", s.command.Address, err)
	}
	return nil
}
