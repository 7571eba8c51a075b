"""firstboot."""
