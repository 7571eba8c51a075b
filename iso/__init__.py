"""The ISO: its menu, its mastering, its hybrid partition tables and its verification."""
