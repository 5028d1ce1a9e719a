"""What goes over the wire: plain data made from frozen values, field by field as Brooklyn's clients expect it. Pure."""
